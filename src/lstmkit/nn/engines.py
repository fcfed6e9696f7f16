"""Which implementation runs the recurrence, and why."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from lstmkit.core.errors import RequestError
from lstmkit.nn import reference, torch_engine
from lstmkit.ragged import Layout

Cell = Literal["lstm", "gru", "rnn"]
Weights = tuple[Tensor, Tensor, Tensor, Tensor]
"""`weight_ih (gates*hidden, input)`, `weight_hh (gates*hidden, hidden)`, `bias_ih`, `bias_hh (gates*hidden)`."""
Run = Callable[[Cell, Float[Tensor, "rows input"], Layout, Weights], Float[Tensor, "rows hidden"]]


@dataclass(frozen=True)
class EngineChoice:
    """An engine with the reason that it was taken.

    Attributes:
        name: torch or reference.
        reason: one line for people.
        run: one layer in one direction over ragged rows; every engine has this signature.
    """

    name: str
    reason: str
    run: Run


def choose_engine(asked: str) -> EngineChoice:
    """Find the engine for a request; one asked for by name is never replaced by another.

    Raises:
        RequestError: `asked` is not an engine of this build.
    """
    if asked == "auto":
        return EngineChoice("torch", "torch's own kernels on batches of similar length", torch_engine.run)
    if asked == "torch":
        return EngineChoice("torch", "asked for", torch_engine.run)
    if asked == "reference":
        return EngineChoice("reference", "asked for", reference.run)
    raise RequestError(f"engine {asked!r} is not in this build; there are auto, torch, reference")
