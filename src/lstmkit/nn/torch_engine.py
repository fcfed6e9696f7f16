"""torch's kernels (oneDNN on a CPU, cuDNN on a GPU) over a padded rectangle.

`PackedSequence` input would be exact too, and is 12 to 20 times slower on a CPU when lengths differ
(pytorch#149194). Padding stands behind each sequence and is dropped, so no valid state ever sees it.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from lstmkit.ragged import Layout


def run(
    cell: Literal["lstm", "gru", "rnn"],
    rows: Float[Tensor, "rows input"],
    layout: Layout,
    weights: tuple[Tensor, Tensor, Tensor, Tensor],
) -> Float[Tensor, "rows hidden"]:
    """One layer in one direction, from a zero state; arguments and result as `lstmkit.nn.reference.run`."""
    padded = layout.to_padded(rows)
    start = rows.new_zeros(1, layout.n_sequences, weights[1].shape[1])
    # has_biases, num_layers, dropout, train, bidirectional, batch_first
    rest = (list(weights), True, 1, 0.0, torch.is_grad_enabled(), False, False)
    if cell == "lstm":
        states = torch.lstm(padded, (start, start), *rest)[0]
    elif cell == "gru":
        states = torch.gru(padded, start, *rest)[0]
    else:
        states = torch.rnn_tanh(padded, start, *rest)[0]
    return layout.from_padded(states)
