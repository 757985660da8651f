"""Moves the borders between the phones of a word to where a network hears them: espeak-ng only tells when a word begins and
ends. Writes each file of a corpus anew, beside it."""

import argparse
from pathlib import Path

import numpy as np
import torch

from channel import FULL_SCALE, mu_law, rms
from corpus import Corpus, borders
from features import RATE, SHIFT, WINDOW, mfcc
from languages import Language
from network import CONTEXT, SUBSAMPLING, Network

LEVEL = 10 ** (-23 / 20) * FULL_SCALE


def heard(network, prior, audio):
    """Log likelihoods of silence and each phone, every 10 ms."""
    samples = mu_law(audio * (LEVEL / (rms(audio) + 1e-9)))
    cepstra = mfcc(np.pad(samples, (WINDOW // 2, WINDOW // 2)))
    frames = len(cepstra)
    padded = np.pad(cepstra, ((CONTEXT, CONTEXT + SUBSAMPLING), (0, 0)), mode="edge")
    scores = np.zeros((frames + SUBSAMPLING, len(prior)), np.float32)
    for shift in range(SUBSAMPLING):
        with torch.no_grad():
            guessed = network(torch.from_numpy(padded[shift:].T[None]))[0].T.numpy()
        places = scores[shift::SUBSAMPLING]
        places[: len(guessed)] = guessed[: len(places)]
    return scores[:frames] - np.log(prior)


def aligned(network, prior, language, corpus):
    """The corpus with its borders moved, and by how much, ms on the average."""
    moved = Corpus()
    differences = []
    for audio, segments, words, voice in zip(corpus.audio, corpus.segments, corpus.words, corpus.voices):
        scores, segments, at = heard(network, prior, audio), segments.copy(), 0
        for phones in language.units(words.split()):
            of_word = segments[at : at + len(phones)]
            start, end = of_word[0, 0] // SHIFT, of_word[-1, 1] // SHIFT
            if end <= len(scores):
                places = (start + borders(scores[start:end], of_word[:, 2])) * SHIFT
                differences += np.abs(of_word[1:, 0] - places[1:-1]).tolist()
                of_word[1:, 0] = of_word[:-1, 1] = places[1:-1]
            at += len(phones)
        if at != len(segments):
            raise ValueError(f"{words} has other phones")
        moved.add(audio, segments, words.split(), voice)
    return moved, 1000 * np.mean(differences) / RATE


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("language")
    arguments.add_argument("checkpoint")
    arguments.add_argument("files", nargs="+", type=Path, help="of espeak-ng; NAME.npz becomes NAME-aligned.npz")
    given = arguments.parse_args()
    language, written = Language.load(given.language), torch.load(given.checkpoint)
    network = Network(len(language.phones))
    network.load_state_dict(written["network"])
    network.eval()
    torch.set_num_threads(1)
    prior = np.maximum(written["prior"], 1e-4)
    for file in given.files:
        moved, difference = aligned(network, prior, language, Corpus.load([file]))
        moved.save(file.with_name(f"{file.stem}-aligned.npz"))
        print(f"{file.name}: borders moved by {difference:.0f} ms", flush=True)


if __name__ == "__main__":
    main()
