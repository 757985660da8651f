"""Kaldi's binary format, as far as a model for libvosk needs it."""

import struct

import numpy as np


def token(text):
    """A word of the format."""
    return text.encode() + b" "


def integer(value):
    """32 bits."""
    return b"\x04" + struct.pack("<i", value)


def single(value):
    """A 32-bit float."""
    return b"\x04" + struct.pack("<f", value)


def double(value):
    """A 64-bit float."""
    return b"\x08" + struct.pack("<d", value)


def integers(values):
    """A vector of 32-bit integers."""
    return b"\x04" + struct.pack("<i", len(values)) + np.asarray(values, "<i4").tobytes()


def vector(values):
    """A vector of 32-bit floats."""
    return token("FV") + integer(len(values)) + np.asarray(values, "<f4").tobytes()


def matrix(values):
    """A matrix of 32-bit floats."""
    rows, columns = values.shape
    return token("FM") + integer(rows) + integer(columns) + np.ascontiguousarray(values, "<f4").tobytes()


def affine(weights, bias):
    """y = W x + b, as a component of a network."""
    return (
        token("<FixedAffineComponent>")
        + token("<LinearParams>")
        + matrix(weights)
        + token("<BiasParams>")
        + vector(bias)
        + token("</FixedAffineComponent>")
    )


def nonlinear(kind, width):
    """RectifiedLinearComponent, LogSoftmaxComponent. The statistics of training, empty here, are doubles."""
    return (
        token(f"<{kind}>")
        + token("<Dim>")
        + integer(width)
        + b"".join(token(f"<{name}>") + vector([]) for name in ("ValueAvg", "DerivAvg"))
        + token("<Count>")
        + double(0.0)
        + token("<OderivRms>")
        + vector([])
        + b"".join(
            token(f"<{name}>") + double(0.0) for name in ("OderivCount", "NumDimsSelfRepaired", "NumDimsProcessed")
        )
        + token(f"</{kind}>")
    )
