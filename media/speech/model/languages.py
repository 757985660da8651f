"""What a model knows of its language: words, their phones, and who speaks them."""

from dataclasses import dataclass
from pathlib import Path

PHONES_OF = 8  # samples of a millisecond

HERE = Path(__file__).parent


@dataclass
class Language:
    """`pronunciation` has each word, and in Chinese each character, with its phones. Phone 0 is silence."""

    name: str
    espeak_voices: list
    vowels: set
    core: list
    words: list
    pronunciation: dict
    phones: list

    @classmethod
    def load(cls, name):
        """Reads `lexicon/NAME.txt`: a word and its phones in a line; a blank line ends the core words."""
        blocks = (HERE / "lexicon" / f"{name}.txt").read_text().split("\n\n")
        entries = [[line.split() for line in block.splitlines() if line[:1] not in ("", "#")] for block in blocks]
        pronunciation = {word: phones for block in entries for word, *phones in block}
        core, words = [word for word, *_ in entries[0]], [word for block in entries[:2] for word, *_ in block]
        return cls(
            name=name,
            espeak_voices=_ESPEAK_VOICES[name],
            vowels=_VOWELS[name](pronunciation),
            core=core,
            words=words,
            pronunciation=pronunciation,
            phones=sorted({phone for phones in pronunciation.values() for phone in phones}),
        )

    def has_phone(self, phone):
        """Is it one of this language's?"""
        return _SAME.get(phone, phone) in self.phones

    def phone_id(self, phone):
        """Its number, from 1."""
        return self.phones.index(_SAME.get(phone, phone)) + 1

    def units(self, words):
        """What the synthesizer calls a word: in Chinese a character."""
        return list("".join(words)) if self.name == "zh" else words

    def text(self, words, choose):
        """The words as a synthesizer is to say them, with a pause here and there."""
        between = ["", "", "，"] if self.name == "zh" else [" ", " ", " ", ", "]
        end = "。" if self.name == "zh" else choose.choice(["", "."])
        return "".join(word + choose.choice(between) for word in words).rstrip(" ,，") + end


# Debian's "cmn" reads characters as English letters; this voice reads them rightly.
_ESPEAK_VOICES = {
    "en": ["en-us"] * 4
    + ["en-gb", "en-gb-x-rp", "en-029", "en-gb-scotland", "en-us-nyc", "en-gb-x-gbclan", "en-gb-x-gbcwmd"],
    "zh": ["cmn-latn-pinyin"],
}
_ARPABET_VOWELS = set("aa ae ao aw ax ay eh er ey ih iy ow oy uh uw".split())
_VOWELS = {
    "en": lambda _: _ARPABET_VOWELS,
    "zh": lambda pronunciation: {phone for phones in pronunciation.values() for phone in phones if phone[0] in "aeiouv"},
}
# flite names one phone in two ways.
_SAME = {"ah": "ax"}
