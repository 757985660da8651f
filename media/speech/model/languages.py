"""What a model knows of its language: words, their phones, and who speaks them."""

from dataclasses import dataclass
from pathlib import Path

PHONES_OF = 8  # samples of a millisecond

HERE = Path(__file__).parent


@dataclass
class Language:
    """`words` are those of a model's grammars, `core` the ones that short grammars are made of; `others` are of no grammar,
    but of the training; `strangers` are of neither. `pronunciation` has the phones of all. Phone 0 is silence."""

    name: str
    espeak_voices: list
    vowels: set
    core: list
    words: list
    others: list
    strangers: list
    pronunciation: dict
    phones: list

    @classmethod
    def load(cls, name):
        """Reads `lexicon/NAME.txt`, a word and its phones in a line, where a blank line ends the core words, and
        `lexicon/NAME-others.txt`, where it ends those of the training."""
        core, usual = _blocks(name)
        others, strangers = _blocks(f"{name}-others")
        known = core | usual
        return cls(
            name=name,
            espeak_voices=_ESPEAK_VOICES[name],
            vowels=_VOWELS[name](known),
            core=list(core),
            words=list(known),
            others=list(others),
            strangers=list(strangers),
            pronunciation=known | others | strangers,
            phones=sorted({phone for phones in known.values() for phone in phones}),
        )

    def has_phone(self, phone):
        """Is it one of this language's?"""
        return _SAME.get(phone, phone) in self.phones

    def phone_id(self, phone):
        """Its number, from 1."""
        return self.phones.index(_SAME.get(phone, phone)) + 1

    def units(self, words):
        """The phones of what the synthesizer calls a word: in Chinese a syllable."""
        spoken = [self.pronunciation[word] for word in words]
        if self.name == "zh":
            spoken = [syllable for phones in spoken for syllable in self._syllables(phones)]
        return spoken

    def _syllables(self, phones):
        """Each ends with its vowel."""
        begin = 0
        for end, phone in enumerate(phones, 1):
            if phone in self.vowels:
                yield phones[begin:end]
                begin = end

    def text(self, words, choose):
        """The words as a synthesizer is to say them, with a pause here and there."""
        if self.name == "en":
            end = choose.choice(["", "."])
            return "".join(word + choose.choice([" ", " ", " ", ", "]) for word in words).rstrip(" ,") + end
        # A syllable of the Latin alphabet is to have its tone, and a space after it.
        spelled = [word + f"{choose.randint(1, 4)} " if word.isascii() else _SPELLED.get(word, word) for word in words]
        return "".join(word + choose.choice(["", "", "，"]) for word in spelled).rstrip(" ，") + "。"


def _blocks(name):
    """The words of each block of a lexicon, with their phones."""
    for block in (HERE / "lexicon" / f"{name}.txt").read_text().split("\n\n"):
        entries = [line.split() for line in block.splitlines() if line[:1] not in ("", "#")]
        yield {word: phones for word, *phones in entries}


# What the synthesizer reads wrongly, or does not count as a syllable.
_SPELLED = {
    "重复": "chong2 fu4 ",
    "重听": "chong2 ting1 ",
    "地铁": "di4 tie3 ",
    "银行": "yin2 hang2 ",
    "嗯": "en4 ",
}
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
