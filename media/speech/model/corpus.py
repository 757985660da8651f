"""Speech with a phone for each moment of it, made by synthesizers, and kept in a file."""

import random
import subprocess
import sys

import numpy as np

from languages import PHONES_OF, Language
from synthesizers import Espeak, Flite, resampled

# Voices of no training material: what is measured is measured on them.
HELD_OUT_VARIANTS = ["linda", "m3", "f2", "robert", "Mike", "klatt3", "Annie", "travis"]
HELD_OUT_FLITE = "rms"
# Neither of training nor of the measurement: for choosing dials. flite has no speaker left for it.
DEVELOPMENT_VARIANTS = ["adam", "f4", "m6", "klatt4", "belinda", "Denis", "steph2", "pablo"]
TRAINING_FLITE = ["slt", "awb", "slt", "awb", "kal", "kal16"]
# Not like any person, or like a held-out one under another name.
_ODD_VARIANTS = {
    "whisper", "whisperf", "Demonic", "UniRobot", "fast", "announcer", "RicishayMax", "RicishayMax2", "RicishayMax3",
    "robosoft8", "anikaRobot", "Mr",
}  # fmt: skip
SHORTEST = 3  # frames of 10 ms: no phone is shorter, if the word has time for it
_VOWEL_LENGTH = 1.6  # of a consonant's, where the synthesizer only tells the word's


def training_variants():
    """espeak-ng's voice variants, without those that are held out."""
    listed = subprocess.run(["espeak-ng", "--voices=variant"], capture_output=True, text=True, check=True).stdout
    names = [line.split("!v/")[1].split()[0] for line in listed.splitlines() if "!v/" in line]
    left_out = _ODD_VARIANTS | set(HELD_OUT_VARIANTS) | set(DEVELOPMENT_VARIANTS)
    return [name for name in dict.fromkeys(names) if name not in left_out]


class Corpus:
    """Utterances: `audio[i]`, 8 kHz; `segments[i]`, rows of (first sample, end, phone); `words[i]`."""

    def __init__(self):
        self.audio, self.segments, self.words, self.voices = [], [], [], []

    def add(self, audio, segments, words, voice):
        """One more utterance."""
        self.audio.append(audio)
        self.segments.append(np.array(segments, np.int32).reshape(-1, 3))
        self.words.append(" ".join(words))
        self.voices.append(voice)

    def save(self, file):
        """Writes it."""
        np.savez(
            file,
            audio=np.concatenate(self.audio),
            lengths=[len(audio) for audio in self.audio],
            segments=np.concatenate(self.segments),
            counts=[len(segments) for segments in self.segments],
            words=self.words,
            voices=self.voices,
        )

    @classmethod
    def load(cls, files):
        """What was written to `files`, together."""
        corpus = cls()
        for file in files:
            held = np.load(file)
            corpus.audio += np.split(held["audio"], np.cumsum(held["lengths"])[:-1])
            corpus.segments += np.split(held["segments"], np.cumsum(held["counts"])[:-1])
            corpus.words += held["words"].tolist()
            corpus.voices += held["voices"].tolist()
        return corpus

    def without(self, voices):
        """What other voices said."""
        corpus = Corpus()
        for audio, segments, words, voice in zip(self.audio, self.segments, self.words, self.voices):
            if voice not in voices:
                corpus.add(audio, segments, words.split(), voice)
        return corpus


def sentence(language, choose):
    """Words in no order: of short grammars, digits, of any grammar, or others too."""
    kind = choose.random()
    if kind < 0.2:
        return [choose.choice(language.core)]
    if kind < 0.4:
        return [choose.choice(language.core[:10]) for _ in range(choose.randint(2, 7))]
    pool = language.core if kind < 0.5 else language.words if kind < 0.75 else language.others
    return [choose.choice(pool) for _ in range(choose.choice([1, 1, 2, 2, 3, 4, 5, 6]))]


def _in_words(language, spans, words, scale):
    """The phones of each word share its time."""
    segments = []
    units = language.units(words)
    if len(units) != len(spans):
        return None
    for phones, (start, end) in zip(units, spans):
        weights = [_VOWEL_LENGTH if phone in language.vowels else 1.0 for phone in phones]
        edges = start + (end - start) * np.cumsum([0.0, *weights]) / sum(weights)
        for phone, begin, finish in zip(phones, edges[:-1], edges[1:]):
            segments.append((int(begin * scale), int(finish * scale), language.phone_id(phone)))
    return segments


def borders(scores, phones):
    """The first frame of each of `phones` and the end of the last, the likeliest of all, within `scores`."""
    frames, count = len(scores), len(phones)
    shortest = min(SHORTEST, frames // count)
    if count == 1 or shortest == 0:
        return np.linspace(0, frames, count + 1).astype(int)
    total = np.concatenate([np.zeros((1, count)), np.cumsum(scores[:, phones], 0)])
    best, before = total[:, 0].copy(), np.zeros((count, frames + 1), int)
    best[:shortest] = -np.inf
    for at in range(1, count):
        # It begins where what came before it, and all of it until then taken away, is best.
        begun = best - total[:, at]
        begun = np.concatenate([np.full(shortest, -np.inf), begun[: frames + 1 - shortest]])
        first = np.maximum.accumulate(begun)
        improved = np.where(begun == first, np.arange(frames + 1) - shortest, 0)
        before[at] = np.maximum.accumulate(improved)
        best = first + total[:, at]
    ends = [frames]
    for at in range(count - 1, 0, -1):
        ends.append(before[at, ends[-1]])
    return np.array([0, *reversed(ends)])


def speak_espeak(language, count, seed, variants, speeds=(0.88, 1.14), sentences=sentence):
    """`count` utterances of espeak-ng's voices."""
    choose, espeak, corpus = random.Random(seed), Espeak(), Corpus()
    while len(corpus.audio) < count:
        words = sentences(language, choose)
        variant = choose.choice(variants)
        voice = choose.choice(language.espeak_voices) + (f"+{variant}" if variant else "")
        said = espeak.say(
            language.text(words, choose), voice, choose.randint(110, 220), choose.randint(20, 85), choose.randint(10, 90)
        )
        if said is None or said[1] is None:
            continue
        speed = choose.uniform(*speeds)
        segments = _in_words(language, said[1], words, PHONES_OF / speed)
        if segments is not None:
            corpus.add(resampled(said[0], espeak.rate, speed), segments, words, variant)
    return corpus


def speak_flite(language, count, seed, voices, speeds=(0.8, 1.25), sentences=sentence):
    """`count` utterances of flite's voices; English only."""
    choose, flite, corpus = random.Random(seed), Flite(), Corpus()
    while len(corpus.audio) < count:
        words = sentences(language, choose)
        voice = choose.choice(voices)
        samples, rate, said = flite.say(language.text(words, choose), voice, choose.uniform(0.75, 1.35))
        speed = choose.uniform(*speeds)
        segments, start = [], 0.0
        for phone, end in said:
            if language.has_phone(phone):
                scale = 1000 * PHONES_OF / speed
                segments.append((int(start * scale), int(end * scale), language.phone_id(phone)))
            start = end
        corpus.add(resampled(samples, rate, speed), segments, words, voice)
    return corpus


def main(kind, name, count, seed, file):
    """`corpus.py espeak|flite LANGUAGE COUNT SEED FILE`"""
    language = Language.load(name)
    if kind == "espeak":
        # One in ten without a variant: espeak-ng's own voice.
        variants = training_variants()
        corpus = speak_espeak(language, int(count), int(seed), variants + [""] * (len(variants) // 9))
    else:
        corpus = speak_flite(language, int(count), int(seed), TRAINING_FLITE)
    corpus.save(file)


if __name__ == "__main__":
    main(*sys.argv[1:])
