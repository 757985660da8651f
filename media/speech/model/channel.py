"""What a telephone line does to speech: band, echo, level, noise, lost packets, G.711."""

import numpy as np
import scipy.fft
from scipy.signal import butter, fftconvolve, sosfilt

from features import RATE

FULL_SCALE = 32768.0

_SEGMENT, _STEP = np.divmod(np.arange(128), 16)
# What a decoder makes of each code (ITU-T G.711, tables 1 and 2), on the scale of 16 bits. A-law has no zero.
_MU_LAW = (((_STEP << 3) + 132) << _SEGMENT) - 132
_A_LAW = np.where(_SEGMENT == 0, (_STEP << 4) + 8, ((_STEP << 4) + 264) << np.maximum(_SEGMENT - 1, 0))


def _nearest(levels):
    """For each 16-bit sample, from -32768, the nearest of the decoder's values."""
    levels = np.unique(np.concatenate([-levels, levels]))
    return levels[np.searchsorted((levels[1:] + levels[:-1]) / 2, np.arange(-32768, 32768))].astype(np.int16)


_LAWS = {"mu": _nearest(_MU_LAW), "a": _nearest(_A_LAW)}


def _through(x, law):
    return _LAWS[law][np.clip(np.round(x), -32768, 32767).astype(np.int32) + 32768]


def mu_law(x):
    """Through G.711 mu-law and back."""
    return _through(x, "mu")


def a_law(x):
    """Through G.711 A-law and back."""
    return _through(x, "a")


def noise(random, length, kind, babble=None):
    """Noise with a root mean square of 1. Babble is a crowd of voices of `babble`, a list of recordings."""
    if kind == "babble" and babble:
        mixed = np.zeros(length)
        for _ in range(random.integers(8, 20)):
            voice = babble[random.integers(len(babble))].astype(np.float64)
            mixed += np.roll(np.resize(voice / (rms(voice) + 1e-9), length), random.integers(length))
        return mixed / (rms(mixed) + 1e-9)
    made = random.standard_normal(length)
    if kind in ("pink", "brown"):
        fast = scipy.fft.next_fast_len(length, real=True)
        spectrum = scipy.fft.rfft(made, fast)
        steps = np.arange(len(spectrum))
        spectrum /= np.sqrt(steps + 1.0) if kind == "pink" else steps + 5.0
        made = scipy.fft.irfft(spectrum, fast)[:length]
    elif kind == "hum":
        t = np.arange(length) / RATE
        mains = random.choice([50, 60])
        made = 0.1 * made + sum(
            np.sin(2 * np.pi * mains * k * t + random.uniform(0, 2 * np.pi)) / k for k in (1, 2, 3, 5)
        )
    return made / (rms(made) + 1e-9)


def rms(x):
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64)))) if len(x) else 0.0


def trim(x, margin=400):
    """Speech without the silence around it, and where it began."""
    loud = np.nonzero(np.abs(x) > 100)[0]
    if not len(loud):
        return x, 0
    start = max(0, loud[0] - margin)
    return x[start : loud[-1] + margin], start


NOISES = ["white", "pink", "pink", "brown", "hum", "babble", "babble"]
_TRACK = 60 * RATE  # samples


class Noises:
    """Long tracks of each kind, to cut pieces from: cheaper than to make each piece."""

    def __init__(self, random, voices):
        self._tracks = {kind: noise(random, _TRACK, kind, voices).astype(np.float32) for kind in set(NOISES) - {"babble"}}
        pieces = [noise(random, _TRACK // 10, "babble", voices) for _ in range(10)]
        self._tracks["babble"] = np.concatenate(pieces).astype(np.float32)

    def piece(self, random, length):
        """Of a random kind, with a root mean square of 1."""
        track = self._tracks[NOISES[random.integers(len(NOISES))]]
        at = random.integers(_TRACK - length)
        made = track[at : at + length]
        return made / (rms(made) + 1e-9)


def call(speech, random, noises):
    """`speech` as a random caller's line carries it: samples, and the place of its first sample in them."""
    x = speech.astype(np.float64)
    lead = int(random.uniform(0.05, 0.8) * RATE)
    tail = int(random.uniform(*((0.15, 1.0) if random.random() < 0.8 else (1.0, 2.5))) * RATE)
    x = np.concatenate([np.zeros(lead), x, np.zeros(tail)])
    clean = random.random() < 0.3
    if not clean and random.random() < 0.35:
        x = room(x, random)
    if random.random() < 0.75:
        band = butter(2, [random.uniform(120, 350), random.uniform(3200, 3800)], "band", fs=RATE, output="sos")
        x = sosfilt(band, x)
    if not clean and random.random() < 0.4:
        tilt = random.uniform(-0.5, 0.5)
        x = np.concatenate([x[:1], x[1:] - tilt * x[:-1]])
    level = 10 ** (random.uniform(-38, -12) / 20) * FULL_SCALE
    x *= level / (rms(x[lead : len(x) - tail]) + 1e-9)
    surroundings = random.random()
    if surroundings > 0.15:  # the rest has digital silence around it
        snr = random.uniform(25, 50) if clean else random.uniform(5, 30)
        made = noises.piece(random, len(x)) * level * 10 ** (-snr / 20)
        if surroundings < 0.25:  # as a phone that sends silence while nobody speaks
            made[: lead - min(lead, 800)] = 0
            made[len(x) - tail + min(tail, 1600) :] = 0
        x = x + made
    if not clean and random.random() < 0.1:
        for _ in range(random.integers(1, 4)):  # lost packets of 20 ms
            at = random.integers(0, max(1, len(x) - 160))
            x[at : at + 160] = 0
    return g711(x, random), lead


def nobody(random, noises):
    """A line on which nobody speaks: digital silence, or noise."""
    length = int(random.uniform(0.8, 2.5) * RATE)
    level = 10 ** (random.uniform(-75, -30) / 20) * FULL_SCALE
    silent = random.random() < 0.1
    x = np.zeros(length) if silent else noises.piece(random, length) * level
    return g711(x, random)


def room(x, random):
    """A small room, or the echo of a handset."""
    length = int(random.uniform(0.02, 0.18) * RATE)
    response = random.standard_normal(length) * np.exp(-np.arange(length) / (length / 5.0))
    response *= random.uniform(0.05, 0.5) / (np.sqrt(np.square(response).sum()) + 1e-9)
    response[0] = 1.0
    return fftconvolve(x, response)[: len(x)]


def g711(x, random):
    """Through one of both laws, as 16-bit integers."""
    return mu_law(x) if random.random() < 0.5 else a_law(x)


def measured(speech, random, snr, babble):
    """`speech` at -23 dBFS through G.711 with noise at `snr` dB (none: without noise), for evaluations."""
    x, _ = trim(speech)
    x = x.astype(np.float64) * (10 ** (-23 / 20) * FULL_SCALE / (rms(x) + 1e-9))
    level = rms(x)
    x = np.concatenate([np.zeros(RATE // 2), x, np.zeros(RATE)])
    if snr is not None:
        kind = ["white", "pink", "babble"][random.integers(3)]
        x = x + noise(random, len(x), kind, babble) * level * 10 ** (-snr / 20)
    return g711(x, random)
