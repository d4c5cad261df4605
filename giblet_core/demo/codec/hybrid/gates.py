"""One unit of an LSTM as a gate: a level times a sign, without memory."""

from dataclasses import dataclass

import torch
from torch import nn

from giblet_core.demo.codec.network import WIDTH

# Parts of a torch LSTM's parameters, in order
INPUT_GATE = 0
FORGET_GATE = 1
CELL = 2
OUTPUT_GATE = 3
N_PARTS = 4
OPEN = 6.0  # bias at which a gate is as good as open; its negative shuts


@dataclass(frozen=True)
class Gate:
    """A unit that gives ``sigmoid(gate @ x + bias) * tanh(tanh(inputs @ x))``.

    Attributes
    ----------
    inputs, gate : dict of int to float
        Weights, by channel of what the LSTM is given.
    bias : float
    """

    inputs: dict[int, float]
    gate: dict[int, float]
    bias: float

    def write(self, lstm: nn.LSTM, channel: int) -> None:
        """Make a unit of the LSTM this gate."""
        rows = torch.arange(N_PARTS) * WIDTH + channel
        for parameter in (lstm.weight_ih_l0, lstm.weight_hh_l0, lstm.bias_ih_l0, lstm.bias_hh_l0):
            parameter[rows] = 0.0
        lstm.bias_ih_l0[rows[INPUT_GATE]] = OPEN
        lstm.bias_ih_l0[rows[FORGET_GATE]] = -OPEN
        lstm.bias_ih_l0[rows[OUTPUT_GATE]] = self.bias
        for part, weights in ((CELL, self.inputs), (OUTPUT_GATE, self.gate)):
            for source, weight in weights.items():
                lstm.weight_ih_l0[rows[part], source] = weight
