"""From what a caller holds to the examples that a model's encoder takes."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from lstmkit.api.containers import opened
from lstmkit.api.inputs import texts_of
from lstmkit.api.series import Axes, checked_axes, one_series, series_of
from lstmkit.api.sounds import sounds_of
from lstmkit.artifact import ArrayForm
from lstmkit.core.errors import DataError, RequestError
from lstmkit.data.encoding import AnyEncoder
from lstmkit.data.series import SeriesEncoder
from lstmkit.data.speech import SpeechEncoder


def examples_of(
    items: Iterable[Any], encoder: AnyEncoder, axes: Axes | None = None, form: ArrayForm | None = None
) -> Iterable[Any]:
    """Texts, series or recordings, checked; which of them the encoder says.

    Args:
        items: what a caller gave.
        encoder: the model's.
        axes: of series, the order of the axes; see `series_of`.
        form: of series, what the model keeps of its training arrays.

    Raises:
        DataError: an example is empty, or not of the kind that the encoder reads; see `texts_of`, `series_of` and
            `sounds_of`. Or a 2-D array came for series: it may be one, or several of one channel.
        RequestError: axes that there are none of, or of what is no series.
    """
    check_axes(axes, encoder)
    if isinstance(encoder, SpeechEncoder):
        return sounds_of(items, encoder.settings.rate)
    if isinstance(encoder, SeriesEncoder):
        found = opened(items)
        if isinstance(found, np.ndarray) and found.ndim == 2:
            raise DataError(
                f"an array of shape {found.shape} came, which may be one series (time, channels) or several of one "
                "channel (n, time); give a list of series, [series], or an array (n, channels, time)"
            )
        return series_of(found, len(encoder.channels), axes=axes, form=form)
    return texts_of(opened(items))


def example_of(item: Any, encoder: AnyEncoder, axes: Axes | None = None, form: ArrayForm | None = None) -> Any:
    """One text, series or recording; arguments and errors as `examples_of` has them."""
    if isinstance(encoder, SeriesEncoder):
        check_axes(axes, encoder)
        return one_series(item, len(encoder.channels), axes=axes, form=form)
    (example,) = examples_of([item], encoder, axes)
    return example


def check_axes(axes: Any, encoder: AnyEncoder) -> None:
    """See that axes can be, and are asked for of series alone.

    Raises:
        RequestError: they cannot, or not.
    """
    if checked_axes(axes) and not isinstance(encoder, SeriesEncoder):
        what = "recordings" if isinstance(encoder, SpeechEncoder) else "texts or tokens"
        raise RequestError(f"axes={axes!r} is of arrays of numeric series, and this model reads {what}; leave it out")
