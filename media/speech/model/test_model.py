"""Checks of this directory that need neither a training nor libvosk.

    /usr/bin/python3 -m unittest discover -s media/speech/model
"""

import json
import struct
import unittest
from pathlib import Path

import numpy as np

import channel
import kaldi
from corpus import DEVELOPMENT_VARIANTS, HELD_OUT_VARIANTS, borders, training_variants
from evaluate import answer
from features import RATE, mfcc
from heldout import GRAMMAR
from languages import Language
from vosk_library import UNKNOWN, Word, probability

MODELS = Path(__file__).parent.parent / "models"
SPOKEN = Path(__file__).parent.parent / "src/say/words"
# Kinds of entries in SPOKEN that a caller answers with.
ANSWERS = ("number", "ordinal", "month", "weekday", "unit", "word", "telephone", "letter", "time")


def spoken_words(language):
    """The words that prompts say, of the kinds that callers say too."""
    for line in (SPOKEN / f"{language}.txt").read_text().splitlines():
        kind, entries = line.split(":", 1)
        if not kind.startswith(ANSWERS):
            continue
        for entry in entries.split(","):
            # A list that counts ("number 0..") has words alone, the others a name before them.
            name, *words = entry.split()
            yield " ".join([name] if ".." in kind else words).lower()


class Channel(unittest.TestCase):
    def setUp(self):
        self.tone = 8000 * np.sin(np.arange(RATE) * 2 * np.pi * 440 / RATE)

    def test_g711_is_idempotent_and_near(self):
        for law in (channel.mu_law, channel.a_law):
            once = law(self.tone)
            np.testing.assert_array_equal(once, law(once))
            error = channel.rms(once - self.tone) / channel.rms(self.tone)
            self.assertLess(error, 10 ** (-33 / 20))
            self.assertEqual(len(np.unique(law(np.linspace(-32768, 32767, 65536)))), 256 if law is channel.a_law else 255)

    def test_g711_of_silence(self):
        self.assertEqual(set(channel.mu_law(np.zeros(9))), {0})
        self.assertEqual(set(np.abs(channel.a_law(np.zeros(9)))), {8})

    def test_noise_has_the_asked_level(self):
        random = np.random.default_rng(1)
        for kind in set(channel.NOISES):
            made = channel.noise(random, RATE, kind, [self.tone])
            self.assertAlmostEqual(channel.rms(made), 1.0, places=3)

    def test_measured_line_has_the_asked_ratio(self):
        line = channel.measured(self.tone, np.random.default_rng(3), 10, [self.tone])
        lead = line[: RATE // 2 - 400].astype(float)
        level = 10 ** (-23 / 20) * 32768
        self.assertAlmostEqual(20 * np.log10(level / channel.rms(lead)), 10, delta=1.0)

    def test_call_tells_where_speech_begins(self):
        noises = channel.Noises(np.random.default_rng(4), [self.tone])
        samples, lead = channel.call(self.tone, np.random.default_rng(5), noises)
        self.assertEqual(samples.dtype, np.int16)
        self.assertGreater(len(samples), lead + len(self.tone))


class Features(unittest.TestCase):
    def test_frames(self):
        self.assertEqual(mfcc(np.zeros(RATE)).shape, (98, 24))
        self.assertEqual(mfcc(np.zeros(10)).shape, (0, 24))

    def test_warp_moves_a_tone(self):
        tone = np.sin(np.arange(RATE) * 2 * np.pi * 1000 / RATE) * 5000
        lower = np.sin(np.arange(RATE) * 2 * np.pi * 1000 / 1.1 / RATE) * 5000
        warped, plain = mfcc(lower, 1.1).mean(0), mfcc(tone).mean(0)
        self.assertLess(np.abs(warped - plain).sum(), np.abs(mfcc(lower).mean(0) - plain).sum())


class Format(unittest.TestCase):
    def test_matrix(self):
        made = kaldi.matrix(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
        self.assertEqual(made, b"FM \x04" + struct.pack("<i", 2) + b"\x04" + struct.pack("<i6f", 3, *range(1, 7)))

    def test_counts_are_doubles(self):
        made = kaldi.nonlinear("RectifiedLinearComponent", 7)
        self.assertIn(b"<Count> \x08" + struct.pack("<d", 0.0), made)
        self.assertTrue(made.endswith(b"</RectifiedLinearComponent> "))

    def test_confidence_is_interpolated(self):
        points = [[0.0, 0.1], [0.5, 0.3], [1.0, 0.9]]
        self.assertAlmostEqual(probability(points, 0.25), 0.2)
        self.assertAlmostEqual(probability(points, 1.0), 0.9)
        self.assertAlmostEqual(probability(points, 7.0), 0.9)


class Voices(unittest.TestCase):
    def test_parts_are_apart_and_there(self):
        there = set(training_variants())
        self.assertGreater(len(there), 50)
        self.assertFalse(there & {*HELD_OUT_VARIANTS, *DEVELOPMENT_VARIANTS})
        self.assertFalse(set(HELD_OUT_VARIANTS) & set(DEVELOPMENT_VARIANTS))


class Lexicon(unittest.TestCase):
    def test_grammars_and_characters(self):
        for name, grammar in GRAMMAR.items():
            language = Language.load(name)
            self.assertEqual(len(language.words), len(set(language.words)))
            self.assertLessEqual(set(grammar), set(language.core))
            for word in language.words:
                phones = [phone for unit in language.units([word]) for phone in unit]
                self.assertEqual(phones, language.pronunciation[word], word)

    def test_has_the_words_that_prompts_say(self):
        english, chinese = Language.load("en").words, Language.load("zh")
        missing = {part for word in spoken_words("en") for part in word.split() if part not in english}
        self.assertLessEqual(missing, {"a.m.", "p.m."})
        self.assertFalse({c for word in spoken_words("zh") for c in word if not c.isascii() and c not in "".join(chinese.words)})

    def test_words_outside_are_apart(self):
        for name in GRAMMAR:
            language = Language.load(name)
            self.assertFalse(set(language.words) & {*language.others, *language.strangers})
            self.assertFalse(set(language.others) & set(language.strangers))
            for word in language.others + language.strangers:
                self.assertLessEqual(set(language.pronunciation[word]), set(language.phones), word)
            for word in GRAMMAR[name]:
                phones = language.pronunciation[word]
                self.assertFalse([other for other in language.strangers if language.pronunciation[other] == phones])

    def test_chinese_units_are_syllables(self):
        language = Language.load("zh")
        self.assertEqual(language.units(["不是", "二"]), [["b", "u"], ["sh", "ii"], ["er"]])


class Rejection(unittest.TestCase):
    """As media/speech/src/asr/grammar has it."""

    def test_breath_is_none_and_a_part_of_a_word_is(self):
        word = lambda text, ms, joined: Word(text, 1.0, ms, joined)
        for heard, wanted in [
            ([word("four", 300, False)], "four"),
            ([word("four", 300, False), word(UNKNOWN, 150, False)], "four"),
            ([word("four", 300, False), word(UNKNOWN, 150, True)], None),
            ([word(UNKNOWN, 150, False), word("four", 300, False)], "four"),
            ([word(UNKNOWN, 150, False), word("four", 300, True)], None),
            ([word(UNKNOWN, 300, False), word("four", 300, False)], None),
            ([word("four", 300, False), word("one", 300, True)], None),
            ([], None),
        ]:
            got = answer(heard)
            self.assertEqual(got and got.text, wanted, heard)


class Alignment(unittest.TestCase):
    def test_borders_are_where_the_scores_change(self):
        scores = np.zeros((20, 4))
        scores[:7, 1] = scores[7:11, 3] = scores[11:, 2] = 1.0
        self.assertEqual(borders(scores, np.array([1, 3, 2])).tolist(), [0, 7, 11, 20])

    def test_no_phone_is_too_short_where_there_is_time(self):
        scores = np.zeros((9, 3))
        scores[:, 1] = 5.0
        self.assertEqual(borders(scores, np.array([1, 2, 0])).tolist(), [0, 3, 6, 9])
        self.assertEqual(borders(scores[:2], np.array([1, 2, 0])).tolist(), [0, 0, 1, 2])


class Shipped(unittest.TestCase):
    def test_models_are_whole(self):
        for directory in filter(Path.is_dir, MODELS.iterdir()):
            described = json.loads((directory / "vireo.json").read_text())
            self.assertEqual((described["language"], described["rate"]), (directory.name, RATE))
            points = described["confidence"]
            self.assertEqual((points[0][0], points[-1][0]), (0.0, 1.0))
            self.assertEqual(points, sorted(points))
            self.assertEqual([low for _, low in points], sorted(low for _, low in points))
            known = {line.split()[0] for line in (directory / "graph/words.txt").read_text().splitlines()}
            self.assertEqual(known, {*Language.load(directory.name).words, "<eps>", "[unk]"})
            self.assertTrue((directory / "am/final.mdl").read_bytes().startswith(b"\0B<TransitionModel> "))
            self.assertTrue((directory / "MODEL.md").exists())


if __name__ == "__main__":
    unittest.main()
