"""A fully connected layer whose answer for a row does not depend on the rows beside it."""

from typing import Any

import torch
from torch import Tensor, nn

from lstmkit.nn import native
from lstmkit.nn.engines import Cell, engine_for


class Linear(nn.Linear):
    """`torch.nn.Linear`: its parameters, `state_dict` and results.

    Without a gradient, and where the native engine runs the network, each output is summed in one fixed order. torch's
    own product takes another kernel, and gives other last digits, for another number of rows.

    Args:
        in_features: numbers in a row.
        out_features: numbers of an answer.
        cell: of the network that the layer belongs to; the native engine runs LSTMs alone.
        engine: as for `lstmkit.nn.Recurrence`.
        **kwargs: as for `torch.nn.Linear`.
    """

    def __init__(
        self, in_features: int, out_features: int, *, cell: Cell = "lstm", engine: str = "auto", **kwargs: Any
    ) -> None:
        super().__init__(in_features, out_features, **kwargs)
        self._cell: Cell = cell
        self._asked = engine

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  (torch's own name)
        """As `torch.nn.Linear.forward`."""
        if torch.is_grad_enabled() or input.dim() != 2:
            return super().forward(input)
        if engine_for(self._asked, input, self.weight, cell=self._cell).name != "native":
            return super().forward(input)
        rows = input if input.stride(1) == 1 else input.contiguous()
        out = rows.new_empty(len(rows), self.out_features)
        return native.multiply(rows, native.packed(self.weight, transposed=True), out, self.bias)
