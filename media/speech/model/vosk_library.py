"""libvosk through ctypes, for measuring a model where it will run."""

import ctypes as C
import json
from typing import NamedTuple

UNKNOWN = "[unk]"
PAUSE = 0.06  # s; between two words a shorter one is none
UNCALIBRATED = [[0.0, 0.0], [1.0, 1.0]]


def probability(points, confidence):
    """What a confidence of libvosk means by a table of `vireo.json`: the chance that the answer is right."""
    for (left, low), (right, high) in zip(points, points[1:]):
        if confidence <= right:
            return low + (high - low) * max(0.0, confidence - left) / (right - left)
    return points[-1][1]


class Word(NamedTuple):
    """What was heard, or `UNKNOWN`; libvosk's confidence; how long it lasted; whether it followed the word before at once."""

    text: str
    confidence: float
    ms: float
    joined: bool


class Recognizer:
    """One caller's speech, with a grammar."""

    def __init__(self, library, model, phrases):
        self._library = library
        grammar = json.dumps([*phrases, UNKNOWN], ensure_ascii=False).encode()
        self._handle = library.vosk_recognizer_new_grm(model, C.c_float(8000.0), grammar)
        library.vosk_recognizer_set_words(self._handle, 1)

    def __del__(self):
        self._library.vosk_recognizer_free(self._handle)

    def recognise(self, samples):
        """The words of a whole recording."""
        data, words = samples.astype("<i2").tobytes(), []
        for at in range(0, len(data), 3200):
            piece = data[at : at + 3200]
            if self._library.vosk_recognizer_accept_waveform(self._handle, piece, len(piece)) == 1:
                words += self._words(self._library.vosk_recognizer_result(self._handle))
        words += self._words(self._library.vosk_recognizer_final_result(self._handle))
        self._library.vosk_recognizer_reset(self._handle)
        return words

    @staticmethod
    def _words(answer):
        words = json.loads(answer).get("result", [])
        ends = [-PAUSE, *(word["end"] for word in words)]
        return [
            Word(word["word"], word["conf"], 1000 * (word["end"] - word["start"]), word["start"] - before < PAUSE)
            for word, before in zip(words, ends)
        ]


class Model:
    """A model's directory, loaded."""

    def __init__(self, library, directory):
        self._library = C.CDLL(str(library))
        self._library.vosk_set_log_level(-1)
        for name in ("vosk_model_new", "vosk_recognizer_new_grm"):
            getattr(self._library, name).restype = C.c_void_p
        for name in ("vosk_model_free", "vosk_recognizer_free"):
            getattr(self._library, name).argtypes = [C.c_void_p]
            getattr(self._library, name).restype = None
        for name in ("vosk_recognizer_result", "vosk_recognizer_final_result"):
            getattr(self._library, name).restype = C.c_char_p
            getattr(self._library, name).argtypes = [C.c_void_p]
        self._library.vosk_recognizer_new_grm.argtypes = [C.c_void_p, C.c_float, C.c_char_p]
        self._library.vosk_recognizer_accept_waveform.argtypes = [C.c_void_p, C.c_char_p, C.c_int]
        self._library.vosk_recognizer_set_words.argtypes = [C.c_void_p, C.c_int]
        self._library.vosk_recognizer_reset.argtypes = [C.c_void_p]
        self._model = self._library.vosk_model_new(str(directory).encode())
        if not self._model:
            raise ValueError(f"{directory} is not a model that libvosk loads")
        described = directory / "vireo.json"
        self.points = json.loads(described.read_text())["confidence"] if described.exists() else UNCALIBRATED

    def __del__(self):
        if getattr(self, "_model", None):
            self._library.vosk_model_free(self._model)

    def recognizer(self, phrases):
        """One for a grammar of these phrases."""
        return Recognizer(self._library, self._model, phrases)
