#!/usr/bin/env python3
"""Writes voices in Piper's format whose every sound is a tone, for the tests of vireo-piper.

    media/speech/piper/make_voice.py media/speech/piper/tests/voices

`tones` has one speaker, `duet` two: `low`, and `high`, an octave above. The inputs and outputs are those of
a trained voice, so are the settings: the length scale stretches, and each noise scale, which has nothing to
randomise here, makes the voice quieter. The files are in the repository; this needs the Python package onnx.
"""

import json
import math
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

RATE = 22_050  # Hz
SOUND = 1_400  # samples of one phoneme id, at length scale 1
SMOOTH = 129  # samples over which the loudness changes
IDS = 160

PAUSES = " ,.;:!?-()'"
VOWELS = "aeiouyæøœɐɑɒɔəɚɛɜɞɨɪɯɵʉʊʌʏᵻɝ"
CONSONANTS = "bcdfghjklmnpqrstvwxzçðħŋɓɕɖɗɡɢɣɥɦɧɫɬɭɮɰɱɲɳɴɹɺɻɽɾʀʁʂʃʄʈʋʎʐʑʒʔʕʘʙʛʝʟβθχⱱ"
MARKS = "ˈˌːˑ˞"
# Padding, beginning and end come first, as in every voice.
SYMBOLS = "_^$" + PAUSES + VOWELS + CONSONANTS + MARKS


def loudness_and_pitch():
    """For each phoneme id: its amplitude, and its frequency in radians a sample."""
    loudness, pitch = np.zeros(IDS, np.float32), np.zeros(IDS, np.float32)
    for number, symbol in enumerate(SYMBOLS):
        if symbol in VOWELS + CONSONANTS:
            loudness[number] = 0.5 if symbol in VOWELS else 0.2
            pitch[number] = 2 * math.pi / RATE * 110 * 2 ** (number * 7 % 24 / 12)
    return loudness, pitch


class Graph:
    """Nodes and constants, named as they come."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, value, kind=np.float32):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def add(self, operator, *inputs, name=None, **attributes):
        name = name or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name


def speak(graph, speakers):
    """The voice: ids, lengths and scales (noise, length, noise of lengths) to samples of shape [1, 1, 1, n]."""
    loudness, pitch = (graph.constant(table) for table in loudness_and_pitch())
    scale = [graph.add("Gather", "scales", graph.constant([n], np.int64)) for n in range(3)]
    length = graph.add("Mul", scale[1], graph.constant([SOUND]))
    length = graph.add("Cast", length, to=TensorProto.INT64)
    shape = graph.add("Concat", graph.add("Shape", "input"), length, axis=0)

    def stretched(table):
        by_id = graph.add("Gather", table, "input")
        by_id = graph.add("Unsqueeze", by_id, graph.constant([2], np.int64))
        return graph.add("Reshape", graph.add("Expand", by_id, shape), graph.constant([1, -1], np.int64))

    steps = stretched(pitch)
    if speakers > 1:
        octaves = graph.add("Gather", graph.constant([1, 2]), "sid")
        steps = graph.add("Mul", steps, octaves)
    tone = graph.add("Sin", graph.add("CumSum", steps, graph.constant(1, np.int64)))
    level = graph.add("Unsqueeze", stretched(loudness), graph.constant([1], np.int64))
    kernel = graph.constant(np.full((1, 1, SMOOTH), 1 / SMOOTH))
    level = graph.add("Conv", level, kernel, pads=[SMOOTH // 2] * 2, strides=[1], kernel_shape=[SMOOTH])
    for noise in (scale[0], scale[2]):
        quieter = graph.add("Mul", noise, graph.constant([-0.5]))
        level = graph.add("Mul", level, graph.add("Add", quieter, graph.constant([1])))
    tone = graph.add("Unsqueeze", tone, graph.constant([1], np.int64))
    sound = graph.add("Mul", tone, level)
    graph.add("Unsqueeze", sound, graph.constant([1], np.int64), name="output")


def write(path, speakers):
    graph = Graph()
    speak(graph, len(speakers))
    kind = helper.make_tensor_value_info
    inputs = [
        kind("input", TensorProto.INT64, ["batch", "phonemes"]),
        kind("input_lengths", TensorProto.INT64, ["batch"]),
        kind("scales", TensorProto.FLOAT, [3]),
    ]
    if len(speakers) > 1:
        inputs.append(kind("sid", TensorProto.INT64, ["batch"]))
    output = kind("output", TensorProto.FLOAT, ["batch", 1, 1, "samples"])
    model = helper.make_model(
        helper.make_graph(graph.nodes, path.stem, inputs, [output], graph.constants),
        opset_imports=[helper.make_opsetid("", 15)],
        ir_version=8,
    )
    onnx.checker.check_model(model)
    onnx.save(model, path)
    config = {
        "audio": {"sample_rate": RATE, "quality": "test"},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.667, "length_scale": 1.0, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "phoneme_id_map": {symbol: [number] for number, symbol in enumerate(SYMBOLS)},
        "num_symbols": IDS,
        "num_speakers": len(speakers),
        "speaker_id_map": {name: number for number, name in enumerate(speakers) if name},
    }
    text = json.dumps(config, ensure_ascii=False, indent=1)
    path.with_name(path.name + ".json").write_text(text + "\n", encoding="utf-8")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    directory = pathlib.Path(sys.argv[1])
    assert len(set(SYMBOLS)) == len(SYMBOLS) <= IDS
    write(directory / "tones.onnx", [""])
    write(directory / "duet.onnx", ["low", "high"])


main()
