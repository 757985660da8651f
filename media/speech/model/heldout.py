#!/usr/bin/python3
"""Speech to measure a recogniser with, of voices that no model of ours was trained on.

    /usr/bin/python3 media/speech/model/heldout.py target/heldout --language en --count 130

writes `OUT/*.wav`, 8 kHz, as they come out of G.711: each utterance without noise and with noise at 15 dB and at
10 dB; and `OUT/manifest.jsonl`, an object a file: `file`, `kind` ("word": one word of the grammar; "digits":
four digits; "outside": a word that is not in the grammar), `words`, `condition` ("clean", "15db", "10db"), `voice`;
and `OUT/grammar.json`, a list of words. The same arguments write the same files.
Needs Debian's libespeak-ng1, espeak-ng, flite, libflite1, python3-numpy and python3-scipy.
"""

import argparse
import json
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from channel import measured
from corpus import DEVELOPMENT_VARIANTS, HELD_OUT_FLITE, HELD_OUT_VARIANTS, speak_espeak, speak_flite
from features import RATE
from languages import Language

GRAMMAR = {
    "en": "zero one two three four five six seven eight nine yes no operator".split(),
    "zh": "零 一 二 三 四 五 六 七 八 九 是 不是 人工".split(),
}
# Cannot be told from a word of the grammar without its tone: not a fair word outside.
_ALIKE = {"en": {"oh", "o", "to", "for", "won"}, "zh": {"十", "亿"}}
CONDITIONS = {"clean": None, "15db": 15, "10db": 10}
DIGITS = 4  # of a string
SEED = 100


@dataclass(frozen=True)
class Voices:
    """Who speaks: variants of espeak-ng; speakers of flite, and how much faster and higher than they are."""

    variants: list
    flite: list
    speeds: tuple


TEST = Voices(HELD_OUT_VARIANTS, [HELD_OUT_FLITE], (1.0, 1.0))
# flite's speakers are those of the training, too high to be themselves.
DEVELOPMENT = Voices(DEVELOPMENT_VARIANTS, ["slt", "awb", "kal16"], (1.3, 1.36))


@dataclass(frozen=True)
class Utterance:
    """What somebody said, as it was before the telephone."""

    kind: str
    words: list
    voice: str
    audio: np.ndarray


def _sentences(language, kind):
    """What to say next: each word as often as any other."""
    grammar = GRAMMAR[language.name]
    if kind == "digits":
        return lambda _, choose: [choose.choice(grammar[:10]) for _ in range(DIGITS)]
    outside = [word for word in language.words if word not in grammar and word not in _ALIKE[language.name]]
    if language.name == "en":
        outside = [word for word in outside if len(word) > 3]
    pool, left = {"word": grammar, "outside": outside, "stranger": language.strangers}[kind], []

    def following(_, choose):
        if not left:
            left.extend(choose.sample(pool, len(pool)))
        return [left.pop()]

    return following


def utterances(language, voices, kind, count, seed):
    """`count` of a kind ("word", "digits", "outside", "stranger"); half of the English ones are flite's."""
    of_flite = count // 2 if language.name == "en" else 0
    spoken = [speak_espeak(language, count - of_flite, seed, voices.variants, (1.0, 1.0), _sentences(language, kind))]
    if of_flite:
        spoken.append(speak_flite(language, of_flite, seed, voices.flite, voices.speeds, _sentences(language, kind)))
    return [
        Utterance(kind, words.split(), voice, audio)
        for corpus in spoken
        for words, voice, audio in zip(corpus.words, corpus.voices, corpus.audio)
    ]


def lines(said, condition, seed):
    """Each utterance as it arrives under a condition; other utterances are the crowd behind some of them."""
    crowd = [utterance.audio for utterance in said]
    for at, utterance in enumerate(said):
        yield utterance, measured(utterance.audio, np.random.default_rng([seed, at]), CONDITIONS[condition], crowd)


def write_wav(file, samples):
    """16 bits, one channel."""
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.astype("<i2").tobytes())


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--language", choices=GRAMMAR, required=True)
    arguments.add_argument("--count", type=int, default=130, help="single words")
    arguments.add_argument("--digits", type=int, default=0, help="strings of four digits")
    arguments.add_argument("--outside", type=int, default=0, help="words that are not in the grammar")
    arguments.add_argument("--seed", type=int, default=SEED)
    given = arguments.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    language, manifest = Language.load(given.language), []
    for offset, (kind, count) in enumerate({"word": given.count, "digits": given.digits, "outside": given.outside}.items()):
        if not count:
            continue
        said = utterances(language, TEST, kind, count, given.seed + offset)
        for condition in CONDITIONS:
            for at, (utterance, samples) in enumerate(lines(said, condition, given.seed + offset)):
                file = f"{kind}-{at:04}-{condition}.wav"
                write_wav(given.out / file, samples)
                manifest.append(
                    {
                        "file": file, "kind": kind, "words": " ".join(utterance.words),
                        "condition": condition, "voice": utterance.voice,
                    }
                )  # fmt: skip
    text = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in manifest)
    (given.out / "manifest.jsonl").write_text(text)
    (given.out / "grammar.json").write_text(json.dumps(GRAMMAR[given.language], ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
