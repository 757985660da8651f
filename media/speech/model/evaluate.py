"""How well a model understands voices that it was not trained on, through G.711, with and without noise.

Words of a short grammar one at a time, strings of digits, and words that are not in the grammar. Prints a
table and writes everything to a JSON file.
"""

import argparse
import collections
import json
import random
import time
from pathlib import Path

import numpy as np

from channel import measured
from corpus import HELD_OUT_FLITE, HELD_OUT_VARIANTS, speak_espeak, speak_flite
from languages import Language
from vosk_library import Model

GRAMMAR = {
    "en": "zero one two three four five six seven eight nine yes no operator".split(),
    "zh": "零 一 二 三 四 五 六 七 八 九 是 不是 人工".split(),
}
# Homophones without their tones: not to be told apart, so no grammar should have both.
SAME = {"zh": {"十": "是"}}
CONDITIONS = {"clean": None, "15db": 15, "10db": 10}


def held_out(language, count, seed, sentences):
    """Utterances of the voices that are held out: half of them flite's, where it speaks the language."""
    options = {"speeds": (1.0, 1.0), "sentences": sentences}
    if language.name != "en":
        return speak_espeak(language, count, seed, HELD_OUT_VARIANTS, **options)
    corpus = speak_espeak(language, count // 2, seed, HELD_OUT_VARIANTS, **options)
    other = speak_flite(language, count - count // 2, seed, [HELD_OUT_FLITE], **options)
    corpus.audio += other.audio
    corpus.words += other.words
    corpus.voices += other.voices
    return corpus


def distance(wanted, heard):
    """Words that must be changed, added or taken out (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for at, word in enumerate(wanted, 1):
        corner, row[0] = row[0], at
        for column, other in enumerate(heard, 1):
            corner, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, corner + (word != other))
    return row[-1]


def evaluate(language, model, count, seed=100):
    """All figures, as one dictionary."""
    words = GRAMMAR[language.name]
    digits = words[:10]
    outside = [word for word in language.words if word not in words and word not in SAME.get(language.name, {})]
    outside = [word for word in outside if len(word) > 3 or language.name == "zh"]
    single = held_out(language, count, seed, lambda _, choose: [choose.choice(words)])
    strings = held_out(language, count // 2, seed + 1, lambda _, choose: [choose.choice(digits) for _ in range(4)])
    others = held_out(language, count // 2, seed + 2, lambda _, choose: [choose.choice(outside)])
    report = {"language": language.name, "grammar": words, "conditions": {}}
    for name, snr in CONDITIONS.items():
        report["conditions"][name] = condition(model, words, digits, single, strings, others, snr)
    return report


def condition(model, words, digits, single, strings, others, snr):
    """The figures at one signal-to-noise ratio."""
    noise = np.random.default_rng(77)
    recognizer = model.recognizer(words)
    confusion, answers = collections.Counter(), []
    began, seconds, right = time.process_time(), 0.0, collections.Counter()
    for audio, wanted, voice in zip(single.audio, single.words, single.voices):
        line = measured(audio, noise, snr, others.audio)
        heard = recognizer.recognise(line)
        known = [word for word, _ in heard if word != "[unk]"]
        answer = known[0] if len(known) == 1 else " ".join(known) or "nothing"
        confusion[wanted, answer] += 1
        right[voice, answer == wanted] += 1
        if len(known) == 1:
            answers.append((next(conf for word, conf in heard if word != "[unk]"), answer == wanted))
        seconds += len(line) / 8000
    cpu = (time.process_time() - began) / seconds
    recognizer = model.recognizer([f"{a} {b}" for a in digits for b in digits])
    errors = exact = 0
    for audio, wanted in zip(strings.audio, strings.words):
        line = measured(audio, noise, snr, others.audio)
        heard = [word for word, _ in recognizer.recognise(line) if word != "[unk]"]
        errors += distance(wanted.split(), heard)
        exact += heard == wanted.split()
    recognizer = model.recognizer(words)
    taken = []
    for audio in others.audio:
        known = [c for word, c in recognizer.recognise(measured(audio, noise, snr, others.audio)) if word != "[unk]"]
        taken.append(max(known, default=0.0) if known else None)
    total, good = sum(confusion.values()), sum(n for (wanted, heard), n in confusion.items() if wanted == heard)
    voices = {voice: right[voice, True] / (right[voice, True] + right[voice, False]) for voice, _ in right}
    return {
        "accuracy": good / total,
        "voices": voices,
        "confusion": [[wanted, heard, n] for (wanted, heard), n in sorted(confusion.items())],
        "confidence": [[round(conf, 4), correct] for conf, correct in answers],
        "digit_strings_exact": exact / len(strings.audio),
        "digit_word_error_rate": errors / (4 * len(strings.audio)),
        "outside_rejected": sum(conf is None for conf in taken) / len(taken),
        "outside_confidence": [round(conf, 4) for conf in taken if conf is not None],
        "cpu_per_stream": cpu,
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("language")
    arguments.add_argument("model", type=Path)
    arguments.add_argument("--library", type=Path, required=True, help="libvosk.so")
    arguments.add_argument("--count", type=int, default=520, help="single words; half as many of the others")
    arguments.add_argument("--seed", type=int, default=100)
    arguments.add_argument("--json", type=Path)
    given = arguments.parse_args()
    random.seed(given.seed)
    report = evaluate(Language.load(given.language), Model(given.library, given.model), given.count, given.seed)
    for name, figures in report["conditions"].items():
        print(
            f"{name:6} words {100 * figures['accuracy']:5.1f} %  digit strings {100 * figures['digit_strings_exact']:5.1f} %"
            f" (WER {100 * figures['digit_word_error_rate']:4.1f} %)  outside rejected"
            f" {100 * figures['outside_rejected']:5.1f} %  {figures['cpu_per_stream']:.4f} of a core a stream"
        )
        wrong = sorted((n, wanted, heard) for wanted, heard, n in figures["confusion"] if wanted != heard)[::-1]
        print("       most often wrong:", ", ".join(f"{w} as {h} {n}" for n, w, h in wrong[:6]) or "none")
    if given.json:
        given.json.write_text(json.dumps(report, ensure_ascii=False))


if __name__ == "__main__":
    main()
