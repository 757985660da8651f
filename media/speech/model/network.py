"""The network: five layers of convolutions over time, one output every third frame (libvosk wants that)."""

import torch
from torch import nn

CONTEXT = 16  # frames on each side that an output looks at
SUBSAMPLING = 3
# Frames of the layer below that each layer looks at, in frames of the input.
OFFSETS = [(-2, -1, 0, 1, 2), (-2, 0, 2), (-3, 0, 3), (-3, 0, 3), (-6, 0, 6)]


def _layer(inputs, outputs, width, dilation=1, stride=1):
    return nn.Sequential(
        nn.Conv1d(inputs, outputs, width, dilation=dilation, stride=stride),
        nn.ReLU(),
        nn.BatchNorm1d(outputs, affine=False),
    )


class Network(nn.Module):
    """Log probabilities of silence (0) and each phone. (batch, cepstra, frames) with `CONTEXT` frames more at
    both ends becomes (batch, phones + 1, frames / 3); output k belongs to frame 3 k."""

    def __init__(self, phones, cepstra=24, width=160, dropout=0.1):
        super().__init__()
        self.register_buffer("mean", torch.zeros(cepstra))
        self.register_buffer("deviation", torch.ones(cepstra))
        self.layers = nn.ModuleList(
            [
                _layer(cepstra, width, 5),
                # From here on every third frame is enough.
                _layer(width, width, 3, dilation=2, stride=SUBSAMPLING),
                _layer(width, width, 3),
                _layer(width, width, 3),
                _layer(width, width, 3, dilation=2),
            ]
        )
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Conv1d(width, phones + 1, 1)

    def forward(self, cepstra):
        """See the class."""
        x = (cepstra - self.mean[None, :, None]) / self.deviation[None, :, None]
        for layer in self.layers:
            x = layer(x)
        return torch.log_softmax(self.output(self.dropout(x)).float(), 1)
