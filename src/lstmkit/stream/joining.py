"""What pools of every kind have in common: streams that join and leave, side by side in one memory."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Generic, Protocol, TypeVar

import numpy as np
from jaxtyping import Int

from lstmkit.core.errors import RequestError
from lstmkit.stream.reading import Carried, Step
from lstmkit.stream.state import from_bytes, to_bytes

_FIRST_ROOM = 16


class Remembering(Carried, Protocol):
    """All that streams remember."""

    @property
    def n_steps(self) -> Int[np.ndarray, " streams"]:
        """int64 `(n,)`, steps read."""
        ...


AnyMemory = TypeVar("AnyMemory", bound=Remembering)
Blank = TypeVar("Blank", bound=Remembering, covariant=True)


class Streamable(Protocol[Blank]):
    """A model that streams share."""

    @cached_property
    def digest(self) -> str:
        """Tells this model from any other."""
        ...

    def blank(self, n: int) -> Blank:
        """The memory of n streams that have read nothing."""
        ...


class Pool(Generic[AnyMemory]):
    """Streams of one model, which join and leave at any time. A pool serves one thread at a time.

    Args:
        model: theirs.
    """

    def __init__(self, model: Streamable[AnyMemory]) -> None:
        self._shared = model
        self._memory = model.blank(_FIRST_ROOM)
        self._place_of: dict[int, int] = {}  # places 0 to n - 1 are taken, so that all streams lie side by side
        self._id_at: list[int] = []
        self._next_id = 0

    def __len__(self) -> int:
        return len(self._id_at)

    def __contains__(self, stream: object) -> bool:
        return stream in self._place_of

    @property
    def ids(self) -> list[int]:
        """The streams that are here, in the order in which they joined."""
        return list(self._place_of)

    def join(self, state: bytes | None = None) -> int:
        """Take a stream in.

        Args:
            state: where it goes on, as `state` of a stream or a pool of this model gave it; None: at the beginning.

        Returns:
            Its number, which no other stream of this pool ever has.

        Raises:
            ArtifactError: the state is none, damaged, of a newer format or of another model.
        """
        start = None if state is None else from_bytes(self._shared.digest, self._shared.blank(1), state)
        place = len(self._id_at)
        if place == len(self._memory.n_steps):
            larger = self._shared.blank(2 * place)
            larger.put(slice(place), self._memory)
            self._memory = larger
        if start is None:
            self._memory.forget(slice(place, place + 1))
        else:
            self._memory.put(slice(place, place + 1), start)
        stream, self._next_id = self._next_id, self._next_id + 1
        self._place_of[stream] = place
        self._id_at.append(stream)
        return stream

    def leave(self, stream: int) -> None:
        """Let a stream go.

        Raises:
            RequestError: it is not here.
        """
        place = self._place(stream)
        last = len(self._id_at) - 1
        if place != last:  # the last one takes its place
            self._memory.put(slice(place, place + 1), self._memory.rows(slice(last, last + 1)))
            moved = self._id_at[last]
            self._id_at[place], self._place_of[moved] = moved, place
        self._id_at.pop()
        del self._place_of[stream]

    def n_steps(self, stream: int) -> int:
        """Steps that a stream has read since its beginning.

        Raises:
            RequestError: it is not here.
        """
        return int(self._memory.n_steps[self._place(stream)])

    def reset(self, stream: int) -> None:
        """Let a stream begin another sequence.

        Raises:
            RequestError: it is not here.
        """
        place = self._place(stream)
        self._memory.forget(slice(place, place + 1))

    def state(self, stream: int) -> bytes:
        """All that a stream remembers, for `state` of a stream alone, or for `join` here or in another process.

        Raises:
            RequestError: it is not here.
        """
        place = self._place(stream)
        return to_bytes(self._shared.digest, self._memory.rows(slice(place, place + 1)))

    def set_state(self, stream: int, state: bytes) -> None:
        """Let a stream go on from a state.

        Raises:
            RequestError: it is not here.
            ArtifactError: as for `join`; the stream is as it was.
        """
        place = self._place(stream)
        self._memory.put(slice(place, place + 1), from_bytes(self._shared.digest, self._shared.blank(1), state))

    def _pushed(
        self, streams: Mapping[int, Step] | Sequence[int] | np.ndarray, steps: Sequence[Step] | np.ndarray | None
    ) -> tuple[list[int], Sequence[Step] | np.ndarray, Int[np.ndarray, " streams"]]:
        """The streams of a push, what each has got, and their places.

        Raises:
            RequestError: a stream is not here or stands twice, or there is not a step for each.
        """
        if isinstance(streams, Mapping):
            if steps is not None:
                raise RequestError("push takes {stream: step}, or streams and steps; a mapping and steps came")
            streams, steps = list(streams), list(streams.values())
        elif steps is None:
            raise RequestError("push takes {stream: step}, or streams and steps; streams came without steps")
        numbers = _plain(streams)
        if len(numbers) != len(steps):
            raise RequestError(f"{len(numbers)} streams came with {len(steps)} steps; give one step for each stream")
        return numbers, steps, self._places(numbers)

    def _place(self, stream: int) -> int:
        if stream not in self._place_of:
            raise RequestError(f"stream {stream!r} is not in the pool of {len(self)}; join() gives a number to each")
        return self._place_of[stream]

    def _places(self, streams: list[int]) -> np.ndarray:
        places = np.array([self._place(stream) for stream in streams], dtype=np.int64)
        if len(np.unique(places)) < len(places):
            twice = next(s for k, s in enumerate(streams) if s in streams[:k])
            raise RequestError(f"stream {twice} stands twice in one push; give all that it has got as one chunk")
        return places


def _plain(given: Sequence | np.ndarray) -> list:
    return given.tolist() if isinstance(given, np.ndarray) else list(given)
