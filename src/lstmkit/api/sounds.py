"""From what a caller holds to the recordings that the encoder takes."""

from collections.abc import Iterable, Iterator
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from lstmkit.api.containers import opened, refuse_masked
from lstmkit.core.errors import DataError
from lstmkit.data.audio.reading import Recording, read_audio, take_audio
from lstmkit.data.sources.clips import Archives, read_clip
from lstmkit.data.sources.corpus import Clip
from lstmkit.data.speech import Sound

_ALLOWED = "a path, the bytes of an audio file, a pair (samples, rate), or an array of samples"


def sounds_of(items: Iterable[Any], rate: int) -> Iterator[Sound]:
    """Examples as the encoder takes them, one at a time; files are read through here, and again by the encoder.

    Args:
        items: of each a path (a string or `Path`); the bytes of a file; a pair of samples and their rate in Hz; or
            samples at `rate`. Samples are `(samples,)` or `(samples, channels)`, floating point between -1 and 1, or
            8-, 16- or 32-bit integers. A `Clip` has been read through already.
        rate: the encoder's, in Hz.

    Raises:
        DataError: an example is none of these, cannot be read, is empty, not finite or silent.
        RequestError: a file, and soundfile is not installed.
    """
    if isinstance(items, str | bytes | Path):
        raise DataError(f"one recording came; give a list of them, each {_ALLOWED}")
    items = opened(items)
    with Archives() as archives:
        for place, item in enumerate(items):
            if isinstance(item, Clip):
                yield item
            elif isinstance(item, str | Path):
                yield read_clip(Path(item), archives)[0]
            else:
                yield _in_memory(item, rate, f"example {place}")


def _in_memory(item: Any, rate: int, name: str) -> Recording:
    refuse_masked(item, f"{name} is a recording, in which no sample can be missing; fill it or leave it out")
    if isinstance(item, bytes):
        found = read_audio(item, rate, name=name)
    elif isinstance(item, tuple) and len(item) == 2 and isinstance(item[1], Real):
        found = take_audio(item[0], float(item[1]), rate, name=name)
    elif isinstance(item, list) or (isinstance(item, np.ndarray) and item.ndim):
        found = take_audio(item, rate, name=name)
    else:
        raise DataError(
            f"{name} is {type(item).__name__}; an example is {_ALLOWED}; samples alone are taken at {rate} Hz"
        )
    if found.facts.silent:
        raise DataError(f"{name}: {found.facts.silence}; something to be heard is needed; leave it out")
    return found
