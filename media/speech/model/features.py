"""Mel-frequency cepstra as Kaldi computes them, so that libvosk sees what the network was trained on."""

import functools

import numpy as np
import scipy.fft

RATE = 8000  # Hz
WINDOW = 200  # samples, 25 ms
SHIFT = 80  # samples, 10 ms
FFT = 256
MELS = 24
CEPSTRA = 24
LOWEST_HZ = 20.0
LIFTER = 22.0
BEND = 0.8  # of the band: up to here a warp is a plain factor
PREEMPHASIS = 0.97


def _mel(hz):
    return 1127.0 * np.log(1.0 + hz / 700.0)


@functools.lru_cache
def _filters(warp):
    edges = np.linspace(_mel(LOWEST_HZ), _mel(RATE / 2), MELS + 2)
    hz = np.arange(FFT // 2) * RATE / FFT
    bend = BEND * RATE / 2
    bins = _mel(np.interp(hz, [0.0, bend / max(warp, 1.0), RATE / 2], [0.0, bend * min(warp, 1.0), RATE / 2]))
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (bins - left) / (centre - left)
    falling = (right - bins) / (right - centre)
    return np.clip(np.minimum(rising, falling), 0.0, None).astype(np.float32)


def _cosines():
    k, n = np.arange(CEPSTRA)[:, None], np.arange(MELS)[None]
    table = np.sqrt(2.0 / MELS) * np.cos(np.pi / MELS * (n + 0.5) * k)
    table[0] = np.sqrt(1.0 / MELS)
    lifter = 1.0 + LIFTER / 2 * np.sin(np.pi * np.arange(CEPSTRA) / LIFTER)
    return (table * lifter[:, None]).astype(np.float32)


# Kaldi's "povey" window.
_POVEY = ((0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / (WINDOW - 1))) ** 0.85).astype(np.float32)
_COSINES = _cosines()


def mfcc(samples, warp=1.0):
    """(frames, 24) of `samples`, 8 kHz, on the scale of 16-bit integers; no dither, no energy. `warp` stretches
    the frequencies, as a shorter vocal tract does."""
    samples = np.asarray(samples, np.float32)
    frames = 1 + (len(samples) - WINDOW) // SHIFT
    if frames <= 0:
        return np.zeros((0, CEPSTRA), np.float32)
    cut = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::SHIFT][:frames].copy()
    cut -= cut.mean(1, keepdims=True)
    before = np.concatenate([cut[:, :1], cut[:, :-1]], 1)
    spectrum = scipy.fft.rfft(((cut - PREEMPHASIS * before) * _POVEY).astype(np.float32), FFT)[:, : FFT // 2]
    power = spectrum.real**2 + spectrum.imag**2
    return (np.log(np.maximum(power @ _filters(warp).T, np.finfo(np.float32).eps)) @ _COSINES.T).astype(np.float32)
