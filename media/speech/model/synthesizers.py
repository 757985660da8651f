"""Synthesizers that tell when they say which word or phone: espeak-ng and flite, in this process."""

import ctypes as C
import math

import numpy as np
from scipy.signal import resample_poly

from features import RATE

_SYNCHRONOUS = 2
_PHONEME_EVENTS = 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_UTF8 = 1
_WORD, _PHONEME = 1, 7


class _Event(C.Structure):
    _fields_ = [
        ("type", C.c_int),
        ("unique_identifier", C.c_uint),
        ("text_position", C.c_int),
        ("length", C.c_int),
        ("audio_position", C.c_int),  # ms
        ("sample", C.c_int),
        ("user_data", C.c_void_p),
        ("id", C.c_char * 8),
    ]


class Espeak:
    """espeak-ng. One for a process: the library has one state."""

    def __init__(self):
        self._library = C.CDLL("libespeak-ng.so.1")
        self.rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS)
        self._audio, self._events = [], []
        kind = C.CFUNCTYPE(C.c_int, C.POINTER(C.c_short), C.c_int, C.POINTER(_Event))
        self._callback = kind(self._heard)
        self._library.espeak_SetSynthCallback(self._callback)

    def _heard(self, samples, count, events):
        if samples and count > 0:
            self._audio.append(np.ctypeslib.as_array(samples, (count,)).copy())
        at = 0
        while events and events[at].type:
            event = events[at]
            self._events.append((event.type, event.audio_position, bytes(event.id)))
            at += 1
        return 0

    def say(self, text, voice, rate, pitch, pitch_range):
        """Samples at `self.rate`, and the start of each word's speech with its end, ms; none when the
        words could not be told apart. None when there is no such voice."""
        library = self._library
        self._audio, self._events = [], []
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            return None
        for parameter, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, pitch_range)):
            library.espeak_SetParameter(parameter, value, 0)
        data = text.encode() + b"\0"
        library.espeak_Synth(data, C.c_size_t(len(data)), 0, 1, 0, _UTF8, None, None)
        library.espeak_Synchronize()
        if not self._audio:
            return None
        samples = np.concatenate(self._audio)
        return samples, self._spans(1000.0 * len(samples) / self.rate)

    def _spans(self, duration):
        starts = [at for at, event in enumerate(self._events) if event[0] == _WORD]
        spans = []
        for at, following in zip(starts, starts[1:] + [len(self._events)]):
            phones = [event for event in self._events[at:following] if event[0] == _PHONEME]
            voiced = [i for i, event in enumerate(phones) if event[2] and not event[2].startswith((b"_", b"\0"))]
            if not voiced:
                return None
            if voiced[-1] + 1 < len(phones):
                end = phones[voiced[-1] + 1][1]
            else:
                end = self._events[following][1] if following < len(self._events) else duration
            spans.append((phones[voiced[0]][1], min(end, duration)))
        return spans


class _Wave(C.Structure):
    _fields_ = [
        ("type", C.c_char_p),
        ("rate", C.c_int),
        ("count", C.c_int),
        ("channels", C.c_int),
        ("samples", C.POINTER(C.c_short)),
    ]


class Flite:
    """flite with the voices of Debian's libflite1: kal, kal16, awb, rms, slt."""

    _FUNCTIONS = {
        "flite_synth_text": (C.c_void_p, [C.c_char_p, C.c_void_p]),
        "utt_relation": (C.c_void_p, [C.c_void_p, C.c_char_p]),
        "relation_head": (C.c_void_p, [C.c_void_p]),
        "item_next": (C.c_void_p, [C.c_void_p]),
        "item_feat_string": (C.c_char_p, [C.c_void_p, C.c_char_p]),
        "item_feat_float": (C.c_float, [C.c_void_p, C.c_char_p]),
        "utt_wave": (C.POINTER(_Wave), [C.c_void_p]),
        "delete_utterance": (None, [C.c_void_p]),
        "feat_set_float": (None, [C.c_void_p, C.c_char_p, C.c_float]),
    }

    def __init__(self):
        for name in ("flite", "flite_usenglish", "flite_cmulex"):
            C.CDLL(f"lib{name}.so.1", mode=C.RTLD_GLOBAL)
        self._library = C.CDLL("libflite.so.1")
        for name, (result, arguments) in self._FUNCTIONS.items():
            function = getattr(self._library, name)
            function.restype, function.argtypes = result, arguments
        self._library.flite_init()
        self._voices = {}

    def _voice(self, name):
        if name not in self._voices:
            register = getattr(C.CDLL(f"libflite_cmu_us_{name}.so.1"), f"register_cmu_us_{name}")
            register.restype, register.argtypes = C.c_void_p, [C.c_char_p]
            self._voices[name] = register(None)
        return self._voices[name]

    def say(self, text, voice, stretch):
        """Samples, their rate, and (phone, end in seconds) one after the other."""
        library, handle = self._library, self._voice(voice)
        # The second field of a cst_voice is its features.
        features = C.cast(handle + C.sizeof(C.c_void_p), C.POINTER(C.c_void_p))[0]
        library.feat_set_float(features, b"duration_stretch", stretch)
        utterance = library.flite_synth_text(text.encode(), handle)
        item = library.relation_head(library.utt_relation(utterance, b"Segment"))
        segments = []
        while item:
            name = library.item_feat_string(item, b"name").decode()
            segments.append((name, library.item_feat_float(item, b"end")))
            item = library.item_next(item)
        wave = library.utt_wave(utterance).contents
        samples, rate = np.ctypeslib.as_array(wave.samples, (wave.count,)).copy(), wave.rate
        library.delete_utterance(utterance)
        return samples, rate, segments


def resampled(samples, rate, speed):
    """At 8 kHz, `speed` times as fast and as high as it was, as 16-bit integers."""
    up, down = RATE // 100, round(rate * speed / 100)
    common = math.gcd(up, down)
    made = resample_poly(samples.astype(np.float32), up // common, down // common)
    return np.clip(made, -32768, 32767).astype(np.int16)
