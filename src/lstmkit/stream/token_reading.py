"""Streams of text and tokens: what is pushed becomes token numbers, and these are rows of a table of all tokens."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from lstmkit.core.errors import DataError
from lstmkit.data.encoder import Encoder, text_of
from lstmkit.data.tokens import token_of
from lstmkit.stream.reading import Chosen, Room
from lstmkit.stream.stack import Arrived

TokenStep = str | float | Sequence[str] | Sequence[int] | np.ndarray
"""A text, a token, or a list of tokens."""
Numbers = tuple[int, ...]
"""Token numbers."""

_MOST_KNOWN, _LONGEST_KNOWN = 1 << 16, 64  # words come again and again, whole sentences do not


class Nothing:
    """Tokens are numbered by themselves, so nothing is carried from push to push; see `Carried`."""

    def forget(self, chosen: slice) -> None:
        """See `Carried`."""

    def rows(self, chosen: Chosen) -> "Nothing":
        """See `Carried`."""
        del chosen
        return self

    def put(self, chosen: Chosen, other: "Nothing") -> None:
        """See `Carried`."""

    def arrays(self) -> dict[str, np.ndarray]:
        """See `Carried`."""
        return {}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """See `Carried`."""
        if arrays:
            raise ValueError("nothing is carried")


class TokenReading:
    """Numbers the tokens of what is pushed; see `Reading`.

    Args:
        encoder: the model's.
        table: `(tokens, gates * hidden)`: what the lowest layer's gates receive of each token of the vocabulary.
    """

    holds = "a token"
    waits = False

    def __init__(self, encoder: Encoder, table: Float[np.ndarray, "tokens gates"]) -> None:
        self._encoder = encoder
        self._table = table
        self._known: dict[str | int, Numbers] = {}
        self.identity = [encoder.kind, encoder.to_json()]

    def blank(self, n: int) -> Nothing:
        """See `Reading`."""
        del n
        return Nothing()

    def check(self, step: TokenStep) -> Numbers:
        """The token numbers of a step; none where it holds no token.

        Raises:
            DataError: it is neither text nor token nor a list of tokens.
        """
        if type(step) is str or type(step) is int:
            found = self._known.get(step)
            if found is not None:
                return found
        found = tuple(self._encoder.numbers(self._text(step)))
        if type(step) is int or (type(step) is str and len(step) <= _LONGEST_KNOWN):
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[step] = found
        return found

    def check_all(self, steps: Sequence[TokenStep] | np.ndarray) -> list[Numbers]:
        """See `Reading`."""
        check = self.check
        return [check(step) for step in (steps.tolist() if isinstance(steps, np.ndarray) else steps)]

    def advance(self, checked: Sequence[Numbers], carried: Nothing) -> list[Numbers]:
        """See `Reading`: tokens are read as they come."""
        del carried
        return list(checked)

    def finish(self, carried: Nothing) -> Numbers:
        """See `Reading`: each token was read as it came."""
        del carried
        return ()

    def arrive(self, inputs: Sequence[Numbers], starts: Int[np.ndarray, " steps_plus_1"]) -> Arrived:
        """See `Reading`."""
        sizes = np.diff(starts).tolist()
        rows = inputs[0] if len(inputs) == 1 else [inputs[k][t] for t, size in enumerate(sizes) for k in range(size)]
        return Arrived(self._table, np.array(rows, dtype=np.int32), starts)

    def room(self) -> Room:
        """See `Reading`: the table of all tokens is there already."""
        return Room(self._table)

    def place(self, checked: Numbers, carried: Nothing, room: Room) -> int:
        """See `Reading`."""
        del carried, room
        return checked[0]

    def _text(self, step: Any) -> str:
        if isinstance(step, str):
            return step
        if self._encoder.kind == "characters":
            raise DataError(f"{_shown(step)} came, and this model reads characters; push text")
        if isinstance(step, np.ndarray):
            if step.ndim > 1:
                raise DataError(f"an array of {step.ndim} dimensions came; push a token or a list of tokens")
            step = step.tolist()
        if isinstance(step, bytes) or not isinstance(step, Sequence):
            return token_of(step)
        return text_of([token_of(token) for token in step])


def _shown(step: Any) -> str:
    text = repr(step)
    return f"{text if len(text) <= 40 else text[:37] + '...'} ({type(step).__name__})"
