"""How well a model understands voices that it was not trained on, through G.711, with and without noise.

Words of a short grammar one at a time, strings of digits, and words that are not in the grammar. Prints a
table and writes everything to a JSON file.
"""

import argparse
import collections
import json
import time
from pathlib import Path

from features import RATE
from heldout import CONDITIONS, DEVELOPMENT, GRAMMAR, SEED, TEST, lines, utterances
from languages import Language
from vosk_library import UNKNOWN, Model, probability

VOICES = {"test": TEST, "development": DEVELOPMENT}
# As the server has it: a shorter sound before or after the words is breath.
BREATH_MS = 250
# Words that are not in the grammar: those of other grammars, and those that were not in the training either.
OUTSIDE = ("outside", "stranger")
# An answer below it counts as rejected.
LEAST = 0.5
CALIBRATION_BINS = 10
# Of an answer to what is not in the grammar, in the matter of confidence: that of one in it, so as many of both are said.
OUTSIDE_WEIGHT = 1.0


class Speech:
    """What is said, under each condition; made once, for any number of models."""

    def __init__(self, language, voices, count, seed, conditions=CONDITIONS):
        self.language, self.lines = language, {}
        for offset, (kind, share) in enumerate({"word": 1, "digits": 2, "outside": 2, "stranger": 2}.items()):
            said = utterances(language, voices, kind, count // share, seed + offset)
            for condition in conditions:
                self.lines[condition, kind] = list(lines(said, condition, seed + offset))
        self.conditions = list(conditions)


def distance(wanted, heard):
    """Words that must be changed, added or taken out (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for at, word in enumerate(wanted, 1):
        corner, row[0] = row[0], at
        for column, other in enumerate(heard, 1):
            corner, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, corner + (word != other))
    return row[-1]


def said(heard):
    """What the server takes for the caller's words: breath apart from them is none. One that is not of the grammar stays,
    and makes the answer none."""
    words = list(heard)
    short = lambda word: word.text == UNKNOWN and word.ms < BREATH_MS
    while words and short(words[0]) and not any(word.joined for word in words[1:2]):
        words.pop(0)
    while words and short(words[-1]) and not words[-1].joined:
        words.pop()
    return words


def answer(heard):
    """What a grammar of single words makes of it; None when that is no word of it."""
    words = said(heard)
    return words[0] if len(words) == 1 and words[0].text != UNKNOWN else None


def evaluate(model, speech):
    """All figures, as one dictionary."""
    grammar = GRAMMAR[speech.language.name]
    return {
        "language": speech.language.name,
        "grammar": grammar,
        "conditions": {name: condition(model, grammar, speech, name) for name in speech.conditions},
    }


def condition(model, grammar, speech, name):
    """The figures under one condition."""
    recognizer = model.recognizer(grammar)
    confusion, answers, voices = collections.Counter(), [], collections.Counter()
    began, seconds = time.process_time(), 0.0
    for utterance, line in speech.lines[name, "word"]:
        heard = recognizer.recognise(line)
        got, wanted = answer(heard), utterance.words[0]
        understood = " ".join(word.text for word in said(heard))
        confusion[wanted, "nothing" if understood in ("", UNKNOWN) else understood] += 1
        voices[utterance.voice, understood == wanted] += 1
        if got:
            answers.append((got.confidence, understood == wanted))
        seconds += len(line) / RATE
    cpu = (time.process_time() - began) / seconds
    outside = {kind: [answer(recognizer.recognise(line)) for _, line in speech.lines[name, kind]] for kind in OUTSIDE}
    digits = digit_strings(model, grammar[:10], speech.lines[name, "digits"])
    total, good = sum(confusion.values()), sum(n for (wanted, heard), n in confusion.items() if wanted == heard)
    return {
        "accuracy": good / total,
        "count": total,
        "voices": {voice: voices[voice, True] / (voices[voice, True] + voices[voice, False]) for voice, _ in voices},
        "confusion": [[wanted, heard, n] for (wanted, heard), n in sorted(confusion.items())],
        "confidence": [[confidence, right] for confidence, right in answers],
        **digits,
        **{f"{kind}_count": len(taken) for kind, taken in outside.items()},
        **{f"{kind}_confidence": [got.confidence for got in taken if got] for kind, taken in outside.items()},
        "cpu_per_stream": cpu,
    }


def digit_strings(model, digits, spoken):
    """Exact strings and the word error rate; the grammar has every pair of digits, so any string of them."""
    recognizer = model.recognizer([f"{a} {b}" for a in digits for b in digits])
    errors = exact = 0
    for utterance, line in spoken:
        heard = [word.text for word in said(recognizer.recognise(line))]
        errors += distance(utterance.words, heard)
        exact += heard == utterance.words
    return {
        "digit_strings_exact": exact / len(spoken),
        "digit_word_error_rate": errors / sum(len(utterance.words) for utterance, _ in spoken),
    }


def rejected(figures, points, least, kind="outside"):
    """The share of words outside the grammar without an answer of at least this confidence."""
    taken = sum(probability(points, confidence) >= least for confidence in figures[f"{kind}_confidence"])
    return 1 - taken / figures[f"{kind}_count"]


def accepted(figures, points, least):
    """The share of words of the grammar that are understood, with at least this confidence."""
    return sum(right and probability(points, confidence) >= least for confidence, right in figures["confidence"]) / figures["count"]


def answers_of(report):
    """All answers of one word, as (confidence, right, weight)."""
    made = []
    for figures in report["conditions"].values():
        made += [(confidence, right, 1.0) for confidence, right in figures["confidence"]]
        for kind in OUTSIDE:
            made += [(confidence, False, OUTSIDE_WEIGHT) for confidence in figures[f"{kind}_confidence"]]
    return made


def calibration_error(report, points):
    """By how much the confidence and the share of right answers differ, on the average over answers."""
    bins, total = collections.Counter(), 0.0
    for confidence, right, weight in answers_of(report):
        said = probability(points, confidence)
        bins[min(int(said * CALIBRATION_BINS), CALIBRATION_BINS - 1)] += weight * (said - right)
        total += weight
    return sum(abs(difference) for difference in bins.values()) / total


def words_worst(figures, count=5):
    """The words that are understood least often: (word, share, said)."""
    said, right = collections.Counter(), collections.Counter()
    for wanted, heard, n in figures["confusion"]:
        said[wanted] += n
        right[wanted] += n * (wanted == heard)
    return sorted((right[word] / n, word, n) for word, n in said.items())[:count]


def show(report, points):
    """Prints the table."""
    for name, figures in report["conditions"].items():
        print(
            f"{name:6} words {100 * figures['accuracy']:5.1f} % of {figures['count']},"
            f" {100 * accepted(figures, points, LEAST):5.1f} % from {LEAST}"
            f"  digit strings {100 * figures['digit_strings_exact']:5.1f} %"
            f" (WER {100 * figures['digit_word_error_rate']:4.1f} %)  rejected"
            + "".join(
                f" {kind} {100 * rejected(figures, points, 0.0, kind):5.1f} %,"
                f" {100 * rejected(figures, points, LEAST, kind):5.1f} % below {LEAST}, of {figures[f'{kind}_count']}"
                for kind in OUTSIDE
            )
            + f"  {figures['cpu_per_stream']:.4f} of a core a stream"
        )
        print("       worst:", ", ".join(f"{word} {100 * share:.0f} %" for share, word, _ in words_worst(figures)))
        wrong = sorted((n, wanted, heard) for wanted, heard, n in figures["confusion"] if wanted != heard)[::-1]
        print("       most often wrong:", ", ".join(f"{w} as {h} {n}" for n, w, h in wrong[:6]) or "none")
        print("       voices:", ", ".join(f"{voice} {100 * share:.0f} %" for voice, share in figures["voices"].items()))
    print(f"confidence: off by {calibration_error(report, points):.3f} on the average")


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("language")
    arguments.add_argument("model", type=Path)
    arguments.add_argument("--library", type=Path, required=True, help="libvosk.so")
    arguments.add_argument("--count", type=int, default=520, help="single words; half as many of the others")
    arguments.add_argument("--voices", choices=VOICES, default="test")
    arguments.add_argument("--seed", type=int, default=SEED)
    arguments.add_argument("--json", type=Path)
    given = arguments.parse_args()
    model = Model(given.library, given.model)
    report = evaluate(model, Speech(Language.load(given.language), VOICES[given.voices], given.count, given.seed))
    show(report, model.points)
    if given.json:
        given.json.write_text(json.dumps(report, ensure_ascii=False))


if __name__ == "__main__":
    main()
