"""From a step, as it is pushed, to token numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lstmkit.core.errors import DataError
from lstmkit.data.encoder import Encoder, text_of
from lstmkit.data.tokens import token_of

Step = str | float | Sequence[str] | Sequence[int] | np.ndarray
"""A text, a token, or a list of tokens."""

_MOST_KNOWN, _LONGEST_KNOWN = 1 << 16, 64  # words come again and again, whole sentences do not


class Reading:
    """Numbers the tokens of what is pushed. Nothing is truncated: there is no end to look back from.

    Args:
        encoder: the model's.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._known: dict[str | int, tuple[int, ...]] = {}

    def __call__(self, step: Step) -> tuple[int, ...]:
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
