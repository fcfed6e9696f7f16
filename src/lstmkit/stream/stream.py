"""One sequence that is still arriving."""

import numpy as np
from jaxtyping import Float

from lstmkit.core.errors import RequestError
from lstmkit.nn import EngineChoice
from lstmkit.stream.model import StreamingModel
from lstmkit.stream.native import NativeStack, SingleStep
from lstmkit.stream.reading import Room, Step
from lstmkit.stream.stack import Arrived
from lstmkit.stream.state import from_bytes, to_bytes

_BLOCK = 1024  # steps of a long chunk that are read at once: bounds memory


class Stream:
    """Reads a sequence as it arrives, and answers after each push as if the sequence ended there.

    Memory and the time of a step do not grow with the steps read. Nothing is truncated, whatever the model's
    `max_length`. A stream serves one thread at a time.

    Args:
        model: see `lstmkit.load(RUN).stream()`.
    """

    def __init__(self, model: StreamingModel) -> None:
        self._model = model
        self._memory = model.blank(1)
        self._stack = model.new_stack()
        self._reading = model.reading
        self._room: Room | None = None
        self._single: SingleStep | None = None
        if isinstance(self._stack, NativeStack):
            self._room = self._reading.room()
            self._single = self._stack.single(self._room.table, self._memory.hidden, self._memory.cells)
        self._answer: Float[np.ndarray, " classes"] | None = None

    @property
    def labels(self) -> list[str]:
        """Class names, in the order of the probabilities."""
        return list(self._model.labels)

    @property
    def engine(self) -> EngineChoice:
        """What runs the recurrence, and why."""
        return self._model.engine

    @property
    def n_steps(self) -> int:
        """Steps read since the beginning of the sequence; for text a step is a token."""
        return int(self._memory.n_steps[0])

    @property
    def probabilities(self) -> Float[np.ndarray, " classes"]:
        """Class probabilities so far, float64 `(classes,)`.

        Raises:
            RequestError: no step has been read.
        """
        answer = self._answer
        if answer is None:
            if not self._memory.n_steps[0]:
                raise RequestError(
                    f"the stream has read no step, so it has no answer; push one that holds {self._reading.holds}"
                )
            answer = self._answer = self._model.answer(self._memory.pooled())[0]
        return answer.copy()

    def push(self, step: Step) -> Float[np.ndarray, " classes"]:
        """Read what has arrived.

        Args:
            step: for a model of text and tokens, a text of whole words (a word is never put together from two pushes;
                for a model of characters, whole characters), a token, or a list of tokens. For a model of series, a
                step `(channels,)`, of one channel a number too, or a chunk `(time, channels)`, of one channel
                `(time,)`; NaN (None in lists) where a value is missing. One without any token or step changes nothing.

        Returns:
            Class probabilities so far, float64 `(classes,)`.

        Raises:
            DataError: it is none of these; the stream is as it was.
            RequestError: no step has come yet.
        """
        reading, memory = self._reading, self._memory
        checked = reading.check(step)
        if len(checked):
            self._answer = None
        if len(checked) == 1 and self._single:
            self._single(reading.place(checked, memory.carried, self._room))
            memory.observe(memory.hidden[-1], _ONE_STEP)
        else:
            (inputs,) = reading.advance([checked], memory.carried)
            for start in range(0, len(inputs), _BLOCK):
                block = inputs[start : start + _BLOCK]
                arrived = reading.arrive([block], np.arange(len(block) + 1, dtype=np.int64))
                memory.observe(self._stack.advance(arrived, memory.hidden, memory.cells), arrived)
        return self.probabilities

    def reset(self) -> None:
        """Begin another sequence."""
        self._memory.forget(slice(None))
        self._answer = None

    @property
    def state(self) -> bytes:
        """All that the stream remembers, to go on with in another process, to the same bits.

        Setting it goes on from there.

        Raises:
            ArtifactError: on setting, the bytes are no stream's state, damaged, of a newer format or of another model;
                the stream is as it was.
        """
        return to_bytes(self._model, self._memory)

    @state.setter
    def state(self, state: bytes) -> None:
        self._memory.put(slice(None), from_bytes(self._model, state))
        self._answer = None


_ONE_STEP = Arrived(np.zeros((0, 0)), None, np.array([0, 1]))
