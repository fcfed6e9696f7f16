"""From a network's outputs to the quantiles of each step ahead, which cannot cross."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

QUANTILES = (0.1, 0.5, 0.9)
"""The quantiles of a forecast."""


def n_outputs(horizon: int) -> int:
    """Outputs of a network that forecasts so many steps."""
    return horizon * len(QUANTILES)


def quantiles_of(outputs: Float[Tensor, "batch outputs"]) -> Float[Tensor, "batch horizon quantiles"]:
    """The quantiles of each step ahead, rising.

    A step has three outputs: the median, and how far the outer quantiles lie from it, through softplus, so that no
    weights can make them cross.

    Args:
        outputs: three for each step, step by step.
    """
    below, median, above = outputs.unflatten(1, (-1, len(QUANTILES))).unbind(2)
    return torch.stack([median - nn.functional.softplus(below), median, median + nn.functional.softplus(above)], 2)
