"""One sequence that is still arriving."""

import numpy as np
from jaxtyping import Float

from lstmkit.core.errors import RequestError
from lstmkit.nn import EngineChoice
from lstmkit.stream.model import StreamingModel
from lstmkit.stream.native import NativeStack, SingleStep
from lstmkit.stream.reading import Inputs, Step, StepReading
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
        self._single: SingleStep | None = None
        if isinstance(self._stack, NativeStack) and isinstance(self._reading, StepReading):
            self._room, self._place = self._reading.room(), self._reading.place
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
        """Steps read since the beginning of the sequence; for text a step is a token, for recordings a frame."""
        return int(self._memory.n_steps[0])

    @property
    def probabilities(self) -> Float[np.ndarray, " classes"]:
        """Class probabilities so far, float64 `(classes,)`; of a recording NaN before the first frame is complete.

        Raises:
            RequestError: no step has been read, and it is no recording.
        """
        answer = self._answer
        if answer is None:
            if not self._memory.n_steps[0] and not self._reading.waits:
                raise RequestError(
                    f"the stream has read no step, so it has no answer; push one that holds {self._reading.holds}"
                )
            answer = self._answer = self._model.answers(self._memory)[0]
        return answer.copy()

    def push(self, step: Step) -> Float[np.ndarray, " classes"]:
        """Read what has arrived.

        Args:
            step: for a model of text and tokens, a text of whole words (a word is never put together from two pushes;
                for a model of characters, whole characters), a token, or a list of tokens. For a model of series, a
                step `(channels,)`, of one channel a number too, or a chunk `(time, channels)`, of one channel
                `(time,)`; NaN (None in lists) where a value is missing. For a model of recordings, samples
                `(samples,)` or `(samples, channels)`: floating point between -1 and 1, or integers of 8, 16 or 32
                bits. One without any token, step or sample changes nothing.

        Returns:
            Class probabilities so far, float64 `(classes,)`; of a recording NaN before the first frame is complete.

        Raises:
            DataError: it is none of these; the stream is as it was.
            RequestError: no step has come yet, or the recording was finished.
        """
        reading, memory = self._reading, self._memory
        checked = reading.check(step)
        if len(checked):
            self._answer = None
        if len(checked) == 1 and self._single:
            self._single(self._place(checked, memory.carried, self._room))
            memory.observe(memory.hidden[-1], _ONE_STEP)
        else:
            self._read(*reading.advance([checked], memory.carried))
        return self.probabilities

    def finish(self) -> Float[np.ndarray, " classes"]:
        """The sequence ends here. Of a recording the last frames, filled up, are read, and only `reset` goes on.

        Text and series were read as they came: nothing changes.

        Returns:
            Class probabilities of the whole, float64 `(classes,)`.

        Raises:
            DataError: no sample of the recording has come; the stream is as it was.
            RequestError: the recording was finished before; or no step has been read, and it is no recording.
        """
        self._read(self._reading.finish(self._memory.carried))
        self._answer = None
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
        return to_bytes(self._model.digest, self._memory)

    @state.setter
    def state(self, state: bytes) -> None:
        self._memory.put(slice(None), from_bytes(self._model.digest, self._model.blank(1), state))
        self._answer = None

    def _read(self, inputs: Inputs) -> None:
        """Advance by blocks of steps."""
        memory = self._memory
        for start in range(0, len(inputs), _BLOCK):
            block = inputs[start : start + _BLOCK]
            arrived = self._reading.arrive([block], np.arange(len(block) + 1, dtype=np.int64))
            memory.observe(self._stack.advance(arrived, memory.hidden, memory.cells), arrived)


_ONE_STEP = Arrived(np.zeros((0, 0)), None, np.array([0, 1]))
