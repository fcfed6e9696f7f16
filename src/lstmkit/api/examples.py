"""From what a caller holds to the examples that a model's encoder takes."""

from collections.abc import Iterable
from typing import Any

from lstmkit.api.inputs import texts_of
from lstmkit.api.series import series_of
from lstmkit.api.sounds import sounds_of
from lstmkit.data.encoding import AnyEncoder
from lstmkit.data.series import SeriesEncoder
from lstmkit.data.speech import SpeechEncoder


def examples_of(items: Iterable[Any], encoder: AnyEncoder) -> Iterable[Any]:
    """Texts, series or recordings, checked; which of them the encoder says.

    Raises:
        DataError: an example is empty, or not of the kind that the encoder reads; see `texts_of`, `series_of` and
            `sounds_of`.
    """
    if isinstance(encoder, SeriesEncoder):
        return series_of(items, len(encoder.channels))
    if isinstance(encoder, SpeechEncoder):
        return sounds_of(items, encoder.settings.rate)
    return texts_of(items)
