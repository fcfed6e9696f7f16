"""What stands between what is pushed and the lowest layer: a reading for each kind of sequence, with its own state.

A push goes three ways: `check` sees that it can be read, and changes nothing; `advance` makes the lowest layer's inputs
of it, and changes what the stream carries; `arrive` turns inputs into what the gates receive.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from lstmkit.stream.stack import Arrived

Chosen = slice | Int[np.ndarray, " chosen"]
Step = Any
"""What a push takes; see the model's reading."""
Checked = Any
"""What came for one stream, as its reading has it; its length is how much came."""
Inputs = Any
"""What the lowest layer reads of one stream, as its reading has it; its length is in steps, and it can be cut."""
Several = Any
"""A sequence, or an array, with an entry for each of several streams."""


@dataclass
class Room:
    """Where what the gates of one stream receive of one step is put.

    Attributes:
        table: always the same array.
    """

    table: Float[np.ndarray, "distinct gates"]


@runtime_checkable
class Carried(Protocol):
    """What is remembered of n streams between pushes, by a reading or in all. It does not grow with time."""

    def forget(self, chosen: slice) -> None:
        """Let streams begin anew."""
        ...

    def rows(self, chosen: Chosen) -> Self:
        """What it remembers of some streams: the same memory for a slice, copies otherwise."""
        ...

    def put(self, chosen: Chosen, other: Self) -> None:
        """Write what is remembered of some streams."""
        ...

    def arrays(self) -> dict[str, np.ndarray]:
        """Of one stream, all of it by name, for its saved state."""
        ...

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Of one stream, take it back from `arrays`.

        Raises:
            KeyError, ValueError: they are no such arrays.
        """
        ...


@runtime_checkable
class Reading(Protocol):
    """How a kind of sequence is read. Nothing is truncated: there is no end to look back from.

    Attributes:
        identity: all that decides what a push means, as plain data.
        holds: what a push must hold for there to be an answer, with its article.
        waits: whether a step may take several pushes to complete. The answer before the first is then NaN, no error.
    """

    identity: list[Any]
    holds: str
    waits: bool

    def blank(self, n: int) -> Any:
        """What is remembered of n streams that have read nothing."""
        ...

    def check(self, step: Step) -> Checked:
        """What came, as it can be read.

        Raises:
            DataError: it cannot be read.
        """
        ...

    def check_all(self, steps: Sequence[Step] | np.ndarray) -> Several:
        """As `check`, of one push for each of several streams."""
        ...

    def advance(self, checked: Several, carried: Any) -> Several:
        """What the lowest layer reads of each stream; `carried`, of these streams in this order, is changed.

        Raises:
            DataError, RequestError: after what is carried it cannot be read; for one stream, `carried` is as it was.
        """
        ...

    def finish(self, carried: Any) -> Inputs:
        """What is left to read of one stream whose sequence has ended; `carried` is changed.

        Raises:
            DataError, RequestError: it cannot end now; `carried` is as it was.
        """
        ...

    def arrive(self, inputs: Several, starts: Int[np.ndarray, " steps_plus_1"]) -> Arrived:
        """What the gates receive of some streams' inputs, most steps first; `starts`: see `Arrived`."""
        ...


@runtime_checkable
class StepReading(Reading, Protocol):
    """A reading by which a push may be just one step, which the native engine takes without ado."""

    def room(self) -> Room:
        """Room for what the gates of one stream receive of one step, by the native engine."""
        ...

    def place(self, checked: Checked, carried: Any, room: Any) -> int:
        """The row of the room's table that holds what the gates receive of a push of one step; `carried` is changed."""
        ...
