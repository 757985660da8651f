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
from vosk_library import Model, probability

VOICES = {"test": TEST, "development": DEVELOPMENT}
# An answer below it counts as rejected.
LEAST = 0.5
CALIBRATION_BINS = 10
# Of an answer to what is not in the grammar, in the matter of confidence: callers mostly say what was asked for.
OUTSIDE_WEIGHT = 0.3


class Speech:
    """What is said, under each condition; made once, for any number of models."""

    def __init__(self, language, voices, count, seed, conditions=CONDITIONS):
        self.language, self.lines = language, {}
        for offset, (kind, share) in enumerate({"word": 1, "digits": 2, "outside": 2}.items()):
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


def answer(heard):
    """What a grammar of single words makes of it, and libvosk's confidence; None when that is no word of it."""
    known = [(word, confidence) for word, confidence in heard if word != "[unk]"]
    return known[0] if len(known) == 1 else None


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
        understood = got[0] if got else " ".join(word for word, _ in heard if word != "[unk]") or "nothing"
        confusion[wanted, understood] += 1
        voices[utterance.voice, understood == wanted] += 1
        if got:
            answers.append((got[1], understood == wanted))
        seconds += len(line) / RATE
    cpu = (time.process_time() - began) / seconds
    taken = [answer(recognizer.recognise(line)) for _, line in speech.lines[name, "outside"]]
    digits = digit_strings(model, grammar[:10], speech.lines[name, "digits"])
    total, good = sum(confusion.values()), sum(n for (wanted, heard), n in confusion.items() if wanted == heard)
    return {
        "accuracy": good / total,
        "count": total,
        "voices": {voice: voices[voice, True] / (voices[voice, True] + voices[voice, False]) for voice, _ in voices},
        "confusion": [[wanted, heard, n] for (wanted, heard), n in sorted(confusion.items())],
        "confidence": [[confidence, right] for confidence, right in answers],
        **digits,
        "outside_count": len(taken),
        "outside_confidence": [got[1] for got in taken if got],
        "cpu_per_stream": cpu,
    }


def digit_strings(model, digits, said):
    """Exact strings and the word error rate; the grammar has every pair of digits, so any string of them."""
    recognizer = model.recognizer([f"{a} {b}" for a in digits for b in digits])
    errors = exact = 0
    for utterance, line in said:
        heard = [word for word, _ in recognizer.recognise(line) if word != "[unk]"]
        errors += distance(utterance.words, heard)
        exact += heard == utterance.words
    return {
        "digit_strings_exact": exact / len(said),
        "digit_word_error_rate": errors / sum(len(utterance.words) for utterance, _ in said),
    }


def rejected(figures, points, least):
    """The share of words outside the grammar without an answer of at least this confidence."""
    taken = sum(probability(points, confidence) >= least for confidence in figures["outside_confidence"])
    return 1 - taken / figures["outside_count"]


def answers_of(report):
    """All answers of one word, as (confidence, right, weight)."""
    made = []
    for figures in report["conditions"].values():
        made += [(confidence, right, 1.0) for confidence, right in figures["confidence"]]
        made += [(confidence, False, OUTSIDE_WEIGHT) for confidence in figures["outside_confidence"]]
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
            f"{name:6} words {100 * figures['accuracy']:5.1f} % of {figures['count']}"
            f"  digit strings {100 * figures['digit_strings_exact']:5.1f} %"
            f" (WER {100 * figures['digit_word_error_rate']:4.1f} %)  outside rejected"
            f" {100 * rejected(figures, points, 0.0):5.1f} %, {100 * rejected(figures, points, LEAST):5.1f} % below {LEAST},"
            f" of {figures['outside_count']}"
            f"  {figures['cpu_per_stream']:.4f} of a core a stream"
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
