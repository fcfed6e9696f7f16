"""Many sequences that are still arriving, advanced in one call."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from lstmkit.core.errors import RequestError
from lstmkit.nn import EngineChoice
from lstmkit.stream.memory import Memory
from lstmkit.stream.model import StreamingModel
from lstmkit.stream.reading import Step
from lstmkit.stream.stack import Arrived
from lstmkit.stream.state import from_bytes, to_bytes

_FIRST_ROOM = 16
_BLOCK = 256  # steps of long chunks that are read at once: bounds memory


class StreamPool:
    """Streams of one model, which join and leave at any time; a push advances any of them at once.

    Each answers as it would alone. A pool serves one thread at a time.

    Args:
        model: see `lstmkit.load(RUN).stream_pool()`.
    """

    def __init__(self, model: StreamingModel) -> None:
        self._model = model
        self._stack = model.new_stack()
        self._memory = model.blank(_FIRST_ROOM)
        self._place_of: dict[int, int] = {}  # places 0 to n - 1 are taken, so that all streams lie side by side
        self._id_at: list[int] = []
        self._next_id = 0

    def __len__(self) -> int:
        return len(self._id_at)

    def __contains__(self, stream: object) -> bool:
        return stream in self._place_of

    @property
    def labels(self) -> list[str]:
        """Class names, in the order of the probabilities."""
        return list(self._model.labels)

    @property
    def engine(self) -> EngineChoice:
        """What runs the recurrence, and why."""
        return self._model.engine

    @property
    def ids(self) -> list[int]:
        """The streams that are here, in the order in which they joined."""
        return list(self._place_of)

    def join(self, state: bytes | None = None) -> int:
        """Take a stream in.

        Args:
            state: where it goes on, as `Stream.state` or `StreamPool.state` gave it; None: at the beginning.

        Returns:
            Its number, which no other stream of this pool ever has.

        Raises:
            ArtifactError: the state is none, damaged, of a newer format or of another model.
        """
        start = None if state is None else from_bytes(self._model, state)
        place = len(self._id_at)
        if place == len(self._memory.n_steps):
            larger = self._model.blank(2 * place)
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

    def push(
        self, streams: Mapping[int, Step] | Sequence[int] | np.ndarray, steps: Sequence[Step] | np.ndarray | None = None
    ) -> Float[np.ndarray, "streams classes"]:
        """Read what has arrived for some streams.

        Args:
            streams: what each has got, by its number; or the numbers alone.
            steps: where numbers came, what each has got, in their order. A step is what `Stream.push` takes.

        Returns:
            Class probabilities so far, float64 `(streams, classes)`, in the order given; of a recording NaN before its
            first frame is complete.

        Raises:
            DataError: a step is none; all streams are as they were.
            RequestError: a stream is not here, stands twice, has read no step yet, or is a recording that was
                finished; all streams are as they were.
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
        places = self._places(numbers)
        if not numbers:
            return np.zeros((0, len(self._model.labels)))
        reading = self._model.reading
        checked = reading.check_all(steps)
        carried = self._memory.carried.rows(places)
        inputs = reading.advance(checked, carried)
        n_read = np.array([len(found) for found in inputs])
        if not reading.waits and not n_read.all():
            for stream, place, n in zip(numbers, places, n_read, strict=True):
                if not n and not self._memory.n_steps[place]:
                    holds = reading.holds
                    raise RequestError(f"stream {stream} has read no step, so it has no answer; push one with {holds}")
        self._memory.carried.put(places, carried)
        # Side by side in memory, streams of one step each are advanced where they lie.
        order = np.argsort(places, kind="stable")
        first = places[order[0]]
        if (n_read == 1).all() and places[order[-1]] - first + 1 == len(places):
            memory = self._memory.rows(slice(first, first + len(places)))
            starts = np.array([0, len(places)], dtype=np.int64)
            as_they_lie = inputs if (np.diff(order) == 1).all() else [inputs[k] for k in order.tolist()]
            self._advance(memory, reading.arrive(as_they_lie, starts))
        else:
            order = np.argsort(-n_read, kind="stable")
            memory = self._memory.rows(places[order])
            self._advance_ragged(memory, [inputs[k] for k in order.tolist()])
            self._memory.put(places[order], memory)
        answers = np.empty((len(places), len(self._model.labels)))
        answers[order] = self._model.answers(memory)
        return answers

    def finish(self, stream: int) -> Float[np.ndarray, " classes"]:
        """A stream's sequence ends here; see `Stream.finish`.

        Returns:
            Class probabilities of the whole, float64 `(classes,)`.

        Raises:
            DataError, RequestError: as for `Stream.finish`, or the stream is not here; all streams are as they were.
        """
        place = self._place(stream)
        memory, reading = self._memory.rows(slice(place, place + 1)), self._model.reading
        inputs = reading.finish(memory.carried)
        if not reading.waits and not memory.n_steps[0]:
            raise RequestError(f"stream {stream} has read no step, so it has no answer; push one with {reading.holds}")
        self._advance_ragged(memory, [inputs])
        return self._model.answers(memory)[0]

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
        """All that a stream remembers, for `Stream.state`, or for `join` here or in another process.

        Raises:
            RequestError: it is not here.
        """
        place = self._place(stream)
        return to_bytes(self._model, self._memory.rows(slice(place, place + 1)))

    def set_state(self, stream: int, state: bytes) -> None:
        """Let a stream go on from a state.

        Raises:
            RequestError: it is not here.
            ArtifactError: as for `join`; the stream is as it was.
        """
        place = self._place(stream)
        self._memory.put(slice(place, place + 1), from_bytes(self._model, state))

    def _advance_ragged(self, memory: Memory, inputs: list[Any]) -> None:
        """Read chunks of any length, longest first, by blocks of steps."""
        lengths = np.array([len(found) for found in inputs])
        for begin in range(0, int(lengths[0]), _BLOCK):
            own = np.clip(lengths - begin, 0, _BLOCK)
            sizes = np.array([(own > t).sum() for t in range(own[0])])
            starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
            block = [found[begin : begin + _BLOCK] for found in inputs[: sizes[0]]]
            self._advance(memory.rows(slice(int(sizes[0]))), self._model.reading.arrive(block, starts))

    def _advance(self, memory: Memory, arrived: Arrived) -> None:
        memory.observe(self._stack.advance(arrived, memory.hidden, memory.cells), arrived)

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
