"""Writes a directory that libvosk loads, with graphs for grammars made at run time.

    am/final.mdl        transition model, network, priors
    conf/               features, decoder, end of speech
    graph/HCLr.fst      transition-ids in, words out; composed with a grammar's Gr.fst while it decodes
    graph/Gr.fst        every word after every other, for recognition without a grammar
    graph/words.txt     numbers of the words, as HCLr.fst was relabelled
"""

import argparse
import math
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from kaldi import affine, integer, integers, nonlinear, single, token, vector
from languages import Language
from network import CONTEXT, OFFSETS

SILENCE = 1
POSITIONS = "BEIS"  # begin, end, inside, single: they share their probability
STAY_SILENT, STAY_PHONE = 0.9, 0.6
UNKNOWN = "[unk]"
UNKNOWN_FRAMES = 5  # of 30 ms: nothing shorter is a word
UNKNOWN_ALONE = 8.0  # without a grammar it is never the answer
# A constant that is added to all inputs of a log-softmax, so that its extra one is negligible.
LIFT = 30.0


@dataclass(frozen=True)
class Dials:
    """What is chosen on the development voices, after the training."""

    acoustic_scale: float = 0.4
    # Added to what the likeliest phones have, which stands for words outside the grammar.
    unknown_gain: float = -2.5
    # Of a frame of it.
    unknown_cost: float = 0.5
    # Of every word, against words that are heard in noise.
    word_cost: float = 0.0
    # Added to the log probability of silence.
    silence_gain: float = 0.0


DIALS = {
    "en": Dials(acoustic_scale=0.35, unknown_gain=-2.75, word_cost=-4.0, silence_gain=1.0),
    "zh": Dials(acoustic_scale=0.35, unknown_gain=-2.75, word_cost=-3.5, silence_gain=1.0),
}


def phone_state(language, phone, position):
    """The number of a phone in its place."""
    return 2 + 4 * language.phones.index(phone) + POSITIONS.index(position)


def transition_model(language):
    """The model, and the transition-ids (phone state -> leaving, staying)."""
    garbage = 2 + 4 * len(language.phones)
    phones = [SILENCE, *range(2, garbage + 1)]
    made = token("<TransitionModel>") + token("<Topology>") + integers(phones)
    made += integers([-1, 0] + [1] * (len(phones) - 1)) + integer(2)
    for stay in (STAY_SILENT, STAY_PHONE):
        made += integer(2) + integer(0) + integer(2)
        made += integer(0) + single(stay) + integer(1) + single(1 - stay)
        made += integer(-1) + integer(0)
    made += token("</Topology>") + token("<Triples>") + integer(len(phones))
    ids, probabilities = {}, [0.0]
    for phone in phones:
        made += integer(phone) + integer(0) + integer(0 if phone == SILENCE else 1 + (phone - 2) // 4)
        stay = STAY_SILENT if phone == SILENCE else STAY_PHONE
        ids[phone] = (len(probabilities) + 1, len(probabilities))
        probabilities += [math.log(stay), math.log(1 - stay)]
    made += token("</Triples>") + token("<LogProbs>") + vector(probabilities) + token("</LogProbs>")
    return made + token("</TransitionModel>"), ids


def network(state, priors, unknown_gain):
    """The trained network; batch norms are folded into the layer above, and one output more stands for
    "any speech": what the likeliest phone of this moment has, about, as the sum over all of their probabilities without
    the priors, and `unknown_gain`. So a word is heard if its phones are not much less likely than any others."""
    get = lambda name: state[name].double().numpy()
    scale, shift = 1 / get("deviation"), -get("mean") / get("deviation")
    components, config, below = [], ["input-node name=input dim=24"], "input"
    for at, offsets in enumerate(OFFSETS):
        weights, bias = get(f"layers.{at}.0.weight"), get(f"layers.{at}.0.bias")
        bias = bias + (weights.sum(2) * shift[None]).sum(1)
        weights = weights * scale[None, :, None]
        joined = np.concatenate([weights[:, :, tap] for tap in range(len(offsets))], 1)
        components += [(f"l{at}.affine", affine(joined, bias))]
        components += [(f"l{at}.relu", nonlinear("RectifiedLinearComponent", len(bias)))]
        taps = ", ".join(below if offset == 0 else f"Offset({below}, {offset})" for offset in offsets)
        config += [f"component-node name=l{at}.affine component=l{at}.affine input=Append({taps})"]
        config += [f"component-node name=l{at}.relu component=l{at}.relu input=l{at}.affine"]
        below = f"l{at}.relu"
        scale = 1 / np.sqrt(get(f"layers.{at}.2.running_var") + 1e-5)
        shift = -get(f"layers.{at}.2.running_mean") * scale
    weights, bias = get("output.weight")[:, :, 0], get("output.bias")
    bias = bias + weights @ shift
    weights = weights * scale[None]
    outputs = len(bias)
    # Two log-softmaxes, each with one constant input: minus its output is the log of the others' sum.
    every, every_bias = np.vstack([weights, np.zeros((1, weights.shape[1]))]), np.append(bias + LIFT, 0.0)
    joined, joined_bias = np.zeros((outputs + 1, 2 * outputs + 1)), np.zeros(outputs + 1)
    joined[:outputs, :outputs] = np.eye(outputs)
    joined[outputs, outputs], joined[outputs, -1] = 1.0, -1.0
    joined_bias[outputs] = unknown_gain
    components += [
        ("all.affine", affine(every, every_bias)),
        ("all.softmax", nonlinear("LogSoftmaxComponent", outputs + 1)),
        ("speech.affine", affine(every[1:], every_bias[1:] - np.append(np.log(priors[1:]), 0.0))),
        ("speech.softmax", nonlinear("LogSoftmaxComponent", outputs)),
        ("joined", affine(joined, joined_bias)),
    ]
    config += [
        f"component-node name=all.affine component=all.affine input={below}",
        "component-node name=all.softmax component=all.softmax input=all.affine",
        f"component-node name=speech.affine component=speech.affine input={below}",
        "component-node name=speech.softmax component=speech.softmax input=speech.affine",
        "component-node name=joined component=joined input=Append(all.softmax, speech.softmax)",
        "output-node name=output input=joined objective=linear",
    ]
    made = token("<Nnet3>") + b"\n" + "\n".join(config).encode() + b"\n\n"
    made += token("<NumComponents>") + integer(len(components))
    made += b"".join(token("<ComponentName>") + token(name) + component for name, component in components)
    return made + token("</Nnet3>")


class Graph:
    """Transition-ids to words. Arcs leave a state before its loop, as Kaldi's "reorder" has it. It is not
    determinised, so it needs no disambiguation symbols."""

    def __init__(self, ids):
        self._ids, self._arcs, self._states = ids, [], 0

    def state(self):
        """A new one."""
        self._states += 1
        return self._states - 1

    def arc(self, start, end, transition=0, word=0, cost=0.0):
        """One arc."""
        self._arcs.append((start, end, transition, word, cost))

    def held(self, start, phone, stay, word=0, cost=0.0):
        """A phone of one frame or more after `start`; the state after it."""
        leaving, staying = self._ids[phone]
        state = self.state()
        self.arc(start, state, leaving, word, cost - math.log(1 - stay))
        self.arc(state, state, staying, 0, -math.log(stay))
        return state

    def text(self, final):
        """As OpenFST's compiler reads it."""
        lines = [f"{a}\t{b}\t{i}\t{o}\t{cost:.5f}" for a, b, i, o, cost in sorted(self._arcs, key=lambda arc: arc[0])]
        return "\n".join([*lines, f"{final}\t0", ""])


def words_graph(language, ids, numbers, dials):
    """Any words, with silence or without between them."""
    graph = Graph(ids)
    start, loop, after = graph.state(), graph.state(), graph.state()
    for state in (start, after):
        graph.arc(state, loop, cost=-math.log(0.5))
        graph.arc(graph.held(state, SILENCE, STAY_SILENT, cost=-math.log(0.5)), loop)
    for word in sorted(numbers):
        if word in ("<eps>", UNKNOWN):
            continue
        phones = language.pronunciation[word]
        state = loop
        for at, phone in enumerate(phones):
            last = at == len(phones) - 1
            position = "S" if len(phones) == 1 else "B" if at == 0 else "E" if last else "I"
            number, cost = (numbers[word], dials.word_cost) if at == 0 else (0, 0.0)
            state = graph.held(state, phone_state(language, phone, position), STAY_PHONE, number, cost)
        graph.arc(state, after)
    leaving, staying = ids[2 + 4 * len(language.phones)]
    state = graph.state()
    graph.arc(loop, state, leaving, numbers[UNKNOWN], dials.word_cost + dials.unknown_cost)
    for _ in range(UNKNOWN_FRAMES - 1):
        following = graph.state()
        graph.arc(state, following, staying, 0, dials.unknown_cost)
        state = following
    graph.arc(state, state, staying, 0, dials.unknown_cost)
    graph.arc(state, after)
    return graph.text(loop)


def shell(command, text):
    """Runs a line of OpenFST's tools."""
    subprocess.run(["bash", "-o", "pipefail", "-c", command], input=text.encode(), check=True)


def export(language, checkpoint, out, dials):
    """Writes the model to the directory `out`."""
    model = torch.load(checkpoint, map_location="cpu")
    for directory in ("am", "conf", "graph/phones"):
        (out / directory).mkdir(parents=True, exist_ok=True)
    transitions, ids = transition_model(language)
    priors = np.maximum(model["prior"], 1e-4)
    priors[0] *= math.exp(-dials.silence_gain)
    (out / "am/final.mdl").write_bytes(
        b"\0B"
        + transitions
        + network(model["network"], priors, dials.unknown_gain)
        + token("<LeftContext>")
        + integer(CONTEXT)
        + token("<RightContext>")
        + integer(CONTEXT)
        + token("<Priors>")
        + vector(np.append(priors, 1.0))
    )
    (out / "conf/mfcc.conf").write_text(
        "--sample-frequency=8000\n--use-energy=false\n--num-mel-bins=24\n--num-ceps=24\n"
        "--low-freq=20\n--high-freq=0\n--dither=0\n"
    )
    (out / "conf/model.conf").write_text(
        "--min-active=200\n--max-active=3000\n--beam=13.0\n--lattice-beam=4.0\n--max-mem=4000000\n"
        f"--acoustic-scale={dials.acoustic_scale}\n--frame-subsampling-factor=3\n--frames-per-chunk=21\n"
        "--endpoint.silence-phones=1\n--endpoint.rule2.min-trailing-silence=0.5\n"
        "--endpoint.rule3.min-trailing-silence=0.8\n--endpoint.rule4.min-trailing-silence=1.5\n"
    )
    kinds = ["begin", "end", "internal", "singleton"]
    places = [f"{2 + 4 * at + k} {kind}" for at in range(len(language.phones)) for k, kind in enumerate(kinds)]
    garbage = f"{2 + 4 * len(language.phones)} singleton"
    (out / "graph/phones/word_boundary.int").write_text("\n".join(["1 nonword", *places, garbage, ""]))
    write_graphs(language, ids, out / "graph", dials)


def write_graphs(language, ids, directory, dials):
    """HCLr.fst, Gr.fst, words.txt, disambig_tid.int."""
    numbers = {word: at for at, word in enumerate(["<eps>", *sorted(language.words), UNKNOWN])}
    relabelled = directory / "relabel.txt"
    # Debian's tool does not find the look-ahead type by itself.
    shell(
        "fstcompile | fstconnect | fstarcsort --sort_type=olabel | LD_PRELOAD=libfstlookahead.so.22 "
        f"fstconvert --fst_type=olabel_lookahead --save_relabel_opairs={relabelled} > {directory}/HCLr.fst",
        words_graph(language, ids, numbers, dials),
    )
    pairs = dict(map(int, line.split()) for line in relabelled.read_text().splitlines())
    relabelled.unlink()
    numbers = {word: pairs.get(number, number) for word, number in numbers.items()}
    if len(set(numbers.values())) != len(numbers):
        raise ValueError("two words have one number")
    table = sorted(numbers.items(), key=lambda entry: entry[1])
    (directory / "words.txt").write_text("".join(f"{word} {number}\n" for word, number in table))
    cost = math.log(len(language.words))
    arcs = [f"0\t0\t{numbers[word]}\t{numbers[word]}\t{cost:.4f}\n" for word in sorted(language.words)]
    unknown = f"0\t0\t{numbers[UNKNOWN]}\t{numbers[UNKNOWN]}\t{UNKNOWN_ALONE}\n0\t1.0\n"
    shell(
        f"fstcompile | fstarcsort --sort_type=ilabel | fstconvert --fst_type=const > {directory}/Gr.fst",
        "".join(arcs) + unknown,
    )
    (directory / "disambig_tid.int").write_text(f"{2 * len(ids) + 1}\n")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("language")
    arguments.add_argument("checkpoint")
    arguments.add_argument("out", type=Path)
    given = arguments.parse_args()
    export(Language.load(given.language), given.checkpoint, given.out, DIALS[given.language])
