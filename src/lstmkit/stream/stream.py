"""One sequence that is still arriving."""

import numpy as np
from jaxtyping import Float

from lstmkit.core.errors import RequestError
from lstmkit.nn import EngineChoice
from lstmkit.stream.model import StreamingModel
from lstmkit.stream.native import NativeStack
from lstmkit.stream.reading import Step
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
        self._single = (
            self._stack.single(model.table, self._memory.hidden, self._memory.cells)
            if isinstance(self._stack, NativeStack)
            else None
        )
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
                raise RequestError("the stream has read no step, so it has no answer; push one that holds a token")
            answer = self._answer = self._model.answer(self._memory.pooled())[0]
        return answer.copy()

    def push(self, step: Step) -> Float[np.ndarray, " classes"]:
        """Read what has arrived.

        Args:
            step: a text of whole words (a word is never put together from two pushes; for a model of characters, whole
                characters), a token, or a list of tokens. One without any token changes nothing.

        Returns:
            Class probabilities so far, float64 `(classes,)`.

        Raises:
            DataError: it is neither; the stream is as it was.
            RequestError: no token has come yet.
        """
        tokens = self._model.reading(step)
        if tokens:
            self._answer = None
        if len(tokens) == 1 and self._single:
            self._single(tokens[0])
            self._memory.observe(self._memory.hidden[-1], _ONE_STEP)
        else:
            for start in range(0, len(tokens), _BLOCK):
                rows = np.array(tokens[start : start + _BLOCK], dtype=np.int32)
                arrived = Arrived(self._model.table, rows, np.arange(len(rows) + 1, dtype=np.int64))
                states = self._stack.advance(arrived, self._memory.hidden, self._memory.cells)
                self._memory.observe(states, arrived)
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


_ONE_STEP = Arrived(np.zeros((0, 0)), np.zeros(1, np.int32), np.array([0, 1]))
