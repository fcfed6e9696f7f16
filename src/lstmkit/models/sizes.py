"""Networks of equal size: which hidden size gives a cell as many parameters as another."""

from typing import Any

import torch

from lstmkit.models.build import build_from


def n_parameters(architecture: dict[str, Any]) -> dict[str, int]:
    """Parameters by part and in all of the network that these keywords of `Classifier` describe; none is allocated."""
    with torch.device("meta"):
        return build_from(architecture, "reference").n_parameters()


def matched_hidden_size(architecture: dict[str, Any], n_wanted: int) -> int:
    """The hidden size with which a network comes as near as possible to a number of parameters, the smaller of equals.

    Args:
        architecture: keywords of `Classifier`; the hidden size among them is not looked at.
        n_wanted: parameters in all: embedding, recurrence and head.
    """

    def n_with(hidden_size: int) -> int:
        return n_parameters(architecture | {"hidden_size": hidden_size})["total"]

    above = 1  # the smallest size known to reach the number, or past it
    while n_with(above) < n_wanted:
        above *= 2
    below = above // 2
    while above - below > 1:
        middle = (above + below) // 2
        below, above = (middle, above) if n_with(middle) < n_wanted else (below, middle)
    if below and n_wanted - n_with(below) <= n_with(above) - n_wanted:
        return below
    return above
