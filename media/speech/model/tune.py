"""Chooses a model's dials (export.Dials), one after the other, on the development voices, and prints them."""

import argparse
import dataclasses
import tempfile
from pathlib import Path

from evaluate import Speech, evaluate, rejected
from export import DIALS, export
from heldout import DEVELOPMENT
from languages import Language
from vosk_library import UNCALIBRATED, Model

CHOICES = {
    "unknown_gain": [0.7, 1.0, 1.3],
    "acoustic_scale": [0.3, 0.4, 0.5],
    "word_cost": [-1.0, 0.0, 1.0],
    "silence_gain": [0.0, 0.5],
}
# What counts: single words most; then strings of digits, and rejecting what is not in the grammar.
OF_WORDS, OF_DIGITS, OF_OUTSIDE = 1.0, 0.3, 0.3
SURE = 0.9  # of libvosk's confidence: what is below will be rejected
SEED = 500


def score(report):
    """One number for a report, over all conditions."""
    figures = list(report["conditions"].values())
    mean = lambda name: sum(condition[name] for condition in figures) / len(figures)
    words, strings = mean("accuracy"), 1 - mean("digit_word_error_rate")
    outside = sum(rejected(condition, UNCALIBRATED, SURE) for condition in figures) / len(figures)
    return OF_WORDS * words + OF_DIGITS * strings + OF_OUTSIDE * outside, words, strings, outside


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("language")
    arguments.add_argument("checkpoint")
    arguments.add_argument("--library", type=Path, required=True, help="libvosk.so")
    arguments.add_argument("--count", type=int, default=208)
    arguments.add_argument("--rounds", type=int, default=1)
    given = arguments.parse_args()
    language = Language.load(given.language)
    speech = Speech(language, DEVELOPMENT, given.count, SEED)
    tried = {}

    def tried_score(dials):
        if dials not in tried:
            with tempfile.TemporaryDirectory() as directory:
                export(language, given.checkpoint, Path(directory), dials)
                tried[dials] = score(evaluate(Model(given.library, Path(directory)), speech))
            print(*(f"{part:.4f}" for part in tried[dials]), dials, flush=True)
        return tried[dials]

    best = DIALS[given.language]
    for _ in range(given.rounds):
        for name, values in CHOICES.items():
            best = max((dataclasses.replace(best, **{name: value}) for value in values), key=tried_score)
    print("best:", best)


if __name__ == "__main__":
    main()
