"""Many sequences that are still arriving, advanced in one call."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from lstmkit.core.errors import RequestError
from lstmkit.nn import EngineChoice
from lstmkit.stream.joining import Pool
from lstmkit.stream.memory import Memory
from lstmkit.stream.model import StreamingModel
from lstmkit.stream.reading import Step
from lstmkit.stream.stack import Arrived

_BLOCK = 256  # steps of long chunks that are read at once: bounds memory


class StreamPool(Pool[Memory]):
    """Streams of one model, which join and leave at any time; a push advances any of them at once.

    Each answers as it would alone. A pool serves one thread at a time.

    Args:
        model: see `lstmkit.load(RUN).stream_pool()`.
    """

    def __init__(self, model: StreamingModel) -> None:
        self._model = model
        self._stack = model.new_stack()
        super().__init__(model)

    @property
    def labels(self) -> list[str]:
        """Class names, in the order of the probabilities."""
        return list(self._model.labels)

    @property
    def engine(self) -> EngineChoice:
        """What runs the recurrence, and why."""
        return self._model.engine

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
        numbers, steps, places = self._pushed(streams, steps)
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
