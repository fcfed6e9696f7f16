"""Recordings from WAV and FLAC files, bytes and arrays to mono float32 at one rate, a block held at a time."""

import io
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from lstmkit.core.errors import DataError, RequestError
from lstmkit.core.files import path_fault, printable
from lstmkit.data.audio.arrays import as_channels, as_mono, full_scale_of, scaled
from lstmkit.data.audio.headers import REMEDY, check_header
from lstmkit.data.audio.levels import Facts, Levels
from lstmkit.data.audio.resampling import Resampler, checked_rate

_BLOCK_VALUES = 1 << 17  # samples times channels held at a time
# The largest positive sample of a file's encoding (G.711 for the two laws); of others, that of 16 bits.
_FULL_SCALE = {"PCM_U8": 1 - 2**-7, "PCM_S8": 1 - 2**-7, "PCM_24": 1 - 2**-23, "PCM_32": 1 - 2**-24,
               "ULAW": 32124 / 2**15, "ALAW": 32256 / 2**15}  # fmt: skip
_FULL_SCALE_16 = 1 - 2**-15


@dataclass(frozen=True)
class Recording:
    """A recording made mono, at one rate.

    Attributes:
        samples: float32 `(samples,)`, between -1 and 1 unless the file's own numbers go beyond.
        facts: how it came, and what was handled.
    """

    samples: Float[np.ndarray, " samples"]
    facts: Facts

    @property
    def rate(self) -> int:
        """Of the samples, in Hz."""
        return self.facts.rate


class Blocks:
    """A recording that is being read: iterate once for its blocks, then ask for `facts`.

    Attributes:
        rate: of the blocks, in Hz.
        facts: None until the last block has been read.
    """

    def __init__(self, content: "_Content", rate: int | None, start: int | float, end: int | float | None) -> None:
        self._content = content
        self.rate = content.rate if rate is None else rate
        self._first, self._last, self._remarks = _stretch(content, start, end)
        self.facts: Facts | None = None

    def __iter__(self) -> Iterator[Float[np.ndarray, " samples"]]:
        content = self._content
        levels = Levels(content.full_scale)
        resampler = Resampler(content.rate, self.rate)
        size = max(1, _BLOCK_VALUES // content.channels)
        position = self._first
        while position < self._last:
            samples = content.read(position, min(position + size, self._last))
            mono = as_mono(samples, position, content.rate, content.name)
            levels.add(samples, mono)
            yield resampler.push(mono)
            position += len(samples)
        yield resampler.finish()
        self.facts = levels.facts(content.rate, self.rate, content.channels, self._remarks)


@dataclass(frozen=True)
class _Content:
    """What blocks are taken from; `read(first, last)` gives those samples `(samples, channels)`, scaled, or raises."""

    name: str
    rate: int
    channels: int
    n_samples: int
    full_scale: float
    read: Callable[[int, int], Float[np.ndarray, "samples channels"]]


def read_audio(
    source: Path | str | bytes,
    rate: int | float | None = None,
    *,
    start: int | float = 0.0,
    end: int | float | None = None,
    name: str | None = None,
) -> Recording:
    """A WAV or FLAC file of any rate, width and number of channels.

    Args:
        source: its path, or its content.
        rate: wanted, in Hz; None: as it is.
        start: where to begin, in seconds. The stretch is read as if it were a recording of its own.
        end: where to stop, in seconds; None, or beyond the end: at the end.
        name: for errors; None: the path.

    Raises:
        DataError: the file cannot be read, is not WAV or FLAC, is damaged or cut short, has no samples, a sampling
            rate beyond 1,000 to 384,000 Hz, a sample that is not finite, or ends before `start`.
        RequestError: soundfile is not installed, or the wanted rate is not from 1,000 to 384,000.
    """
    with open_audio(source, rate, start=start, end=end, name=name) as blocks:
        return _gathered(blocks)


def take_audio(
    samples: Any,
    source_rate: int | float,
    rate: int | float | None = None,
    *,
    start: int | float = 0.0,
    end: int | float | None = None,
    name: str = "array",
) -> Recording:
    """An array in memory; arguments and errors as `read_audio` has them.

    Args:
        samples: `(samples,)` or `(samples, channels)`: floating point between -1 and 1, or 8-, 16- or 32-bit integers.
        source_rate: at which they were taken, in Hz.
        rate: wanted, in Hz; None: as it is.
        start: where to begin, in seconds.
        end: where to stop, in seconds.
        name: for errors.
    """
    array = as_channels(samples, name)
    content = _Content(
        name,
        checked_rate(source_rate, name, DataError),
        array.shape[1],
        len(array),
        full_scale_of(array),
        lambda first, last: scaled(array[first:last]),
    )
    return _gathered(Blocks(content, None if rate is None else checked_rate(rate, "rate"), start, end))


@contextmanager
def open_audio(
    source: Path | str | bytes,
    rate: int | float | None = None,
    *,
    start: int | float = 0.0,
    end: int | float | None = None,
    name: str | None = None,
) -> Iterator[Blocks]:
    """The same a block at a time: memory does not grow with the recording's length. As `read_audio` otherwise."""
    shown = name or ("audio bytes" if isinstance(source, bytes) else str(source))
    wanted = None if rate is None else checked_rate(rate, "rate")
    soundfile = _soundfile(shown)
    with ExitStack() as stack:
        if not isinstance(source, bytes) and (fault := path_fault(Path(source))):
            raise DataError(
                f"{printable(shown)}: cannot be read ({fault}); give a file that exists and that you may read"
            )
        try:
            stream = (
                io.BytesIO(source) if isinstance(source, bytes) else stack.enter_context(Path(source).open("rb", 0))
            )
            check_header(stream, shown)
            stream.seek(0)
        except OSError as error:
            raise DataError(
                f"{shown}: cannot be read ({error.strerror or error}); give a file that exists and that you may read"
            ) from error
        try:
            # A descriptor (hence no buffer before it), for a file's name would have a say in what its content is.
            handle = stream if isinstance(stream, io.BytesIO) else stream.fileno()
            file = stack.enter_context(soundfile.SoundFile(handle, closefd=False))
        except soundfile.LibsndfileError as error:
            raise DataError(f"{shown}: not a sound recording ({_reason(error)}); {REMEDY}") from error
        content = _Content(
            shown,
            checked_rate(file.samplerate, shown, DataError),
            file.channels,
            _length(file, shown),
            _FULL_SCALE.get(file.subtype, _FULL_SCALE_16),
            lambda first, last: _decoded(file, first, last, shown, soundfile.LibsndfileError),
        )
        yield Blocks(content, wanted, start, end)


def _gathered(blocks: Blocks) -> Recording:
    samples = np.concatenate(list(blocks))
    assert blocks.facts is not None  # noqa: S101 - set when the last block was read
    return Recording(samples, blocks.facts)


def _length(file: Any, name: str) -> int:
    if file.frames <= 0:
        raise DataError(f"{name}: no samples in it; at least one is needed; leave it out, or {REMEDY}")
    if file.frames > 1 << 60:  # libsndfile's word for a FLAC header without the length
        raise DataError(f"{name}: a header that does not tell the length; write it to a file anew, not into a pipe")
    return file.frames


def _decoded(file: Any, first: int, last: int, name: str, failure: type[Exception]) -> np.ndarray:
    try:
        if file.tell() != first:
            file.seek(first)
        samples = file.read(last - first, dtype="float32", always_2d=True)
    except failure as error:
        raise DataError(
            f"{name}: damaged or cut short near {first / file.samplerate:.6g} s ({_reason(error)}); {REMEDY}"
        ) from error
    if len(samples) < last - first:
        raise DataError(
            f"{name}: damaged or cut short: its header promises {file.frames:,} samples, and the last one read is "
            f"number {first + len(samples):,}; {REMEDY}"
        )
    return samples


def _stretch(content: _Content, start: int | float, end: int | float | None) -> tuple[int, int, tuple[str, ...]]:
    """(first sample, last sample, remarks) of the seconds from `start` to `end`."""
    length = content.n_samples / content.rate
    span = f"{content.name}: the stretch from {start:g} s to {'its end' if end is None else f'{end:g} s'}"
    if not math.isfinite(start) or start < 0 or (end is not None and not end > start):
        raise DataError(f"{span}; 0 <= start < end is allowed; mend the two")
    first = round(start * content.rate)
    if first >= content.n_samples:
        raise DataError(f"{span} begins beyond the recording, which is {length:g} s long; mend the start")
    if end is None or math.isinf(end):
        return first, content.n_samples, ()
    last = round(end * content.rate)
    if last > content.n_samples:
        return first, content.n_samples, (f"ends at {length:g} s, before the {end:g} s asked for",)
    if last == first:
        raise DataError(f"{span} holds no sample at {content.rate:,} Hz; give a longer one")
    return first, last, ()


def _reason(error: Exception) -> str:
    text = getattr(error, "error_string", "") or str(error)
    return " ".join(text.split()).removeprefix("Error : ").rstrip(".")


def _soundfile(name: str) -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: soundfile is there, and the library that it loads is not
        raise RequestError(
            f"{name}: audio files need soundfile, which is not installed; pip install 'lstmkit[audio]'"
        ) from error
    return soundfile
