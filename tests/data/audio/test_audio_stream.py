"""Streamed features are those of the whole recording, whatever the chunks; a saved stream goes on to the same bits."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import RATE, noise

from lstmkit.core.errors import DataError, RequestError
from lstmkit.data.audio.features import FeatureSettings
from lstmkit.data.audio.reading import take_audio
from lstmkit.data.audio.stream import FeatureStream
from sounds import features

KINDS = {
    "log_mel": FeatureSettings(n_mels=24),
    "deltas": FeatureSettings(n_mels=24, deltas=1),
    "mfcc": FeatureSettings(n_mels=24, kind="mfcc", deltas=2),
    "no-overlap": FeatureSettings(n_mels=24, window_ms=10.0, fmin=200.0, deltas=2),
}
SOURCE_RATES = [RATE, 8000, 44_100, 48_000]
CHUNKS = st.lists(st.one_of(st.integers(0, 5), st.integers(0, 300), st.integers(300, 4000)), max_size=40)


def streamed(stream: FeatureStream, samples: np.ndarray, chunks: list[int]) -> np.ndarray:
    frames, at = [], 0
    for chunk in [*chunks, len(samples)]:
        frames.append(stream.push(samples[at : at + chunk]))
        at += chunk
    return np.concatenate([*frames, stream.finish()])


@settings(max_examples=80, deadline=None)
@given(kind=st.sampled_from(sorted(KINDS)), rate=st.sampled_from(SOURCE_RATES), n=st.integers(1, 9000), chunks=CHUNKS)
def test_any_chunking_gives_the_frames_of_the_whole(kind: str, rate: int, n: int, chunks: list[int]) -> None:
    """Resampled or not: the resampler is one definition for both, and so need not be forgiven anything."""
    samples = noise(n)
    whole = features(take_audio(samples, rate, RATE).samples, KINDS[kind])
    parts = streamed(FeatureStream(KINDS[kind], rate), samples, chunks)
    assert parts.shape == whole.shape
    np.testing.assert_allclose(parts, whole, rtol=1e-6, atol=1e-6)


def test_sample_by_sample() -> None:
    for kind in sorted(KINDS):
        samples = noise(700)
        parts = streamed(FeatureStream(KINDS[kind], 8000), samples, [1] * 700)
        np.testing.assert_allclose(
            parts, features(take_audio(samples, 8000, RATE).samples, KINDS[kind]), rtol=1e-6, atol=1e-6
        )


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_frame_comes_with_its_last_sample_and_those_that_its_deltas_see(kind: str) -> None:
    settings = KINDS[kind]
    stream, n_frames, samples = FeatureStream(settings), 0, noise(2000)
    for at in range(2000):
        n_frames += len(stream.push(samples[at : at + 1]))
        assert n_frames == max(0, settings.n_whole_frames(at + 1) - settings.look_ahead)


def test_memory_does_not_grow() -> None:
    stream = FeatureStream(KINDS["mfcc"], 44_100)
    for _ in range(200):
        stream.push(noise(441))
        held = stream.state()
        assert len(held["tail"]) < 3 * 354
        assert len(held["pending"]) < 400
        assert len(held["recent"]) <= 2 * 4


GO_ON = """
import sys, numpy as np
from lstmkit.data.audio.stream import FeatureStream
saved = np.load(sys.argv[1], allow_pickle=False)
import json
state = json.loads(str(saved["numbers"])) | {name: saved[name] for name in ("tail", "pending", "recent")}
stream = FeatureStream.from_state(state)
sys.stdout.buffer.write(stream.push(saved["rest"]).tobytes() + stream.finish().tobytes())
"""


def as_bytes(state: dict[str, Any], **more: np.ndarray) -> bytes:
    import json

    arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
    numbers = json.dumps({name: value for name, value in state.items() if name not in arrays})
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, numbers=np.array(numbers), **arrays, **more)
    return stream.getvalue()


def test_a_saved_stream_goes_on_in_another_process_to_the_same_bits(tmp_path: Path) -> None:
    samples = noise(9000)
    stream = FeatureStream(KINDS["mfcc"], 44_100)
    stream.push(samples[:5001])
    (tmp_path / "state.npz").write_bytes(as_bytes(stream.state(), rest=samples[5001:]))
    done = subprocess.run(
        [sys.executable, "-c", GO_ON, str(tmp_path / "state.npz")], capture_output=True, check=True, timeout=60
    )
    here = stream.push(samples[5001:]).tobytes() + stream.finish().tobytes()
    assert len(here) > 1000
    assert done.stdout == here


@pytest.mark.parametrize("rate", SOURCE_RATES)
@pytest.mark.parametrize("at", [0, 1, 399, 400, 401, 1000, 6000])
def test_a_state_is_a_copy_from_which_to_go_on(rate: int, at: int) -> None:
    samples = noise(6000)
    stream = FeatureStream(KINDS["deltas"], rate)
    stream.push(samples[:at])
    state = stream.state()
    again = FeatureStream.from_state(state)
    here = stream.push(samples[at:]).tobytes() + stream.finish().tobytes()
    assert again.push(samples[at:]).tobytes() + again.finish().tobytes() == here
    with pytest.raises(RequestError, match="finished"):
        FeatureStream.from_state(stream.state()).push(samples)


@pytest.mark.parametrize("change", [
    {"tail": np.zeros(3)}, {"pending": np.zeros(401)}, {"recent": np.zeros((2, 7))}, {"recent": np.zeros(24)},
    {"n_out": 10**9}, {"n_given": 99}, {"n_frames": "x"}, {"settings": {"bands": 3}}, {"settings": None},
    {"source_rate": 8001}, {"finished": None, "tail": None},
])  # fmt: skip
def test_a_state_that_is_none_is_refused(change: dict[str, Any]) -> None:
    stream = FeatureStream(KINDS["deltas"], 44_100)
    stream.push(noise(4000))
    assert FeatureStream.from_state(stream.state()).state().keys() == stream.state().keys()
    with pytest.raises(RequestError, match=r"stream: (not a saved state|a saved state whose parts do not fit)"):
        FeatureStream.from_state(stream.state() | change)
    with pytest.raises(RequestError, match="not a saved state"):
        FeatureStream.from_state({})


def test_reset_begins_anew() -> None:
    stream, samples = FeatureStream(KINDS["mfcc"], 44_100), noise(5000)
    first = streamed(stream, samples, [100] * 20)
    stream.reset()
    assert streamed(stream, samples, [100] * 20).tobytes() == first.tobytes()
    with pytest.raises(RequestError, match="finished; reset it"):
        stream.push(samples)
    with pytest.raises(RequestError, match="finished; reset it"):
        stream.finish()


def test_channels_and_integers_are_taken_as_in_a_file() -> None:
    pair = (np.stack([noise(3000), noise(3000, 1)], 1) * 30_000).astype(np.int16)
    parts = streamed(FeatureStream(KINDS["log_mel"], 8000, 2), pair, [700, 0, 900])
    np.testing.assert_allclose(
        parts, features(take_audio(pair, 8000, RATE).samples, KINDS["log_mel"]), rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize(("samples", "told"), [
    (np.zeros((5, 2)), "samples of 2 channels; 1 are expected"), ([0.0, np.nan], "NaN, infinite .* at 0.0625625 s"),
    (np.zeros((1, 100)), "transpose it"), ([1, 2], "samples of type int64"),
])  # fmt: skip
def test_a_bad_chunk_is_refused_and_changes_nothing(samples: Any, told: str) -> None:
    stream, good = FeatureStream(KINDS["deltas"]), noise(3000)
    before = stream.push(good[:1000])
    with pytest.raises(DataError, match=told):
        stream.push(samples)
    after = np.concatenate([before, stream.push(good[1000:]), stream.finish()])
    np.testing.assert_allclose(after, features(good, KINDS["deltas"]), rtol=1e-6, atol=1e-6)


def test_a_stream_without_a_sample_is_refused() -> None:
    stream = FeatureStream(KINDS["deltas"])
    assert stream.push([]).shape == (0, 48)
    with pytest.raises(DataError, match="ended before a sample came"):
        stream.finish()
    for channels in (0, -1):
        with pytest.raises(RequestError, match=f"{channels} channels; 1 or more"):
            FeatureStream(KINDS["deltas"], channels=channels)
