"""Fits what libvosk's confidence means, on the development voices, and writes `vireo.json` into a model's directory."""

import argparse
import json
from pathlib import Path

from evaluate import Speech, answers_of, calibration_error, evaluate, show
from features import RATE
from heldout import DEVELOPMENT
from languages import Language
from vosk_library import UNCALIBRATED, Model

# Edges of the confidences that are taken together; most are just below 1.
EDGES = [0.0, 0.5, 0.7, 0.85, 0.93, 0.97, 0.99, 0.998, 0.99999, 1.1]
SEED = 600


def fitted(answers):
    """Points (confidence, probability), rising, from (confidence, right, weight)."""
    groups = []  # (weight, weight of the right ones, weight times confidence)
    for low, high in zip(EDGES, EDGES[1:]):
        held = [(weight, weight * right, weight * confidence) for confidence, right, weight in answers if low <= confidence < high]
        if held:
            groups.append([sum(column) for column in zip(*held)])
    # Where the share of right answers falls, the neighbours are taken together.
    at = 0
    while at + 1 < len(groups):
        if groups[at][1] * groups[at + 1][0] >= groups[at + 1][1] * groups[at][0]:
            groups[at : at + 2] = [[a + b for a, b in zip(groups[at], groups[at + 1])]]
            at = max(at - 1, 0)
        else:
            at += 1
    # One right and one wrong answer more, so that nothing is certain.
    points = [[round(sure / weight, 5), round((right + 1) / (weight + 2), 3)] for weight, right, sure in groups]
    for (_, low), following in zip(points, points[1:]):
        following[1] = max(following[1], low)
    if points[0][0] > 0.0:
        points.insert(0, [0.0, round(points[0][1] / 2, 3)])
    if points[-1][0] < 1.0:
        points.append([1.0, points[-1][1]])
    return points


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("language")
    arguments.add_argument("model", type=Path)
    arguments.add_argument("--library", type=Path, required=True, help="libvosk.so")
    arguments.add_argument("--count", type=int, default=416)
    given = arguments.parse_args()
    speech = Speech(Language.load(given.language), DEVELOPMENT, given.count, SEED)
    report = evaluate(Model(given.library, given.model), speech)
    points = fitted(answers_of(report))
    described = {"language": given.language, "rate": RATE, "licence": "Apache-2.0", "confidence": points}
    (given.model / "vireo.json").write_text(json.dumps(described) + "\n")
    before, after = (calibration_error(report, table) for table in (UNCALIBRATED, points))
    show(report, points)
    print(f"confidence off by {before:.3f} before, {after:.3f} after: {points}")


if __name__ == "__main__":
    main()
