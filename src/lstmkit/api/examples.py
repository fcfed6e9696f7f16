"""From what a caller holds to the examples that a model's encoder takes."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from lstmkit.api.inputs import texts_of
from lstmkit.api.series import series_of
from lstmkit.api.sounds import sounds_of
from lstmkit.core.errors import DataError
from lstmkit.data.encoding import AnyEncoder
from lstmkit.data.series import SeriesEncoder
from lstmkit.data.speech import SpeechEncoder


def examples_of(items: Iterable[Any], encoder: AnyEncoder) -> Iterable[Any]:
    """Texts, series or recordings, checked; which of them the encoder says.

    Raises:
        DataError: an example is empty, or not of the kind that the encoder reads; see `texts_of`, `series_of` and
            `sounds_of`. Or a 2-D array came for series: it may be one, or several of one channel.
    """
    if isinstance(encoder, SeriesEncoder):
        if isinstance(items, np.ndarray) and items.ndim == 2:
            raise DataError(
                f"an array of shape {items.shape} came, which may be one series (time, channels) or several of one "
                "channel (n, time); give a list of series, [series], or an array (n, channels, time)"
            )
        return series_of(items, len(encoder.channels))
    if isinstance(encoder, SpeechEncoder):
        return sounds_of(items, encoder.settings.rate)
    return texts_of(items)
