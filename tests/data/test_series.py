"""Series as a network reads them: scaled on training alone, gaps filled forward and marked, bounded, read back."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmkit.config.schema import EncoderConfig
from lstmkit.core.errors import ArtifactError, DataError, RequestError
from lstmkit.data.encoding import fit_encoder, read_encoder
from lstmkit.data.series import SeriesEncoder, kept_steps

NAN = np.nan


def series(*rows: list[float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


def fitted(*training: np.ndarray, **config: object) -> SeriesEncoder:
    encoder = fit_encoder(list(training), EncoderConfig(**config), "series", ["a", "b"])  # pyright: ignore[reportArgumentType]
    assert isinstance(encoder, SeriesEncoder)
    return encoder


def test_each_channel_has_its_own_scale() -> None:
    random = np.random.default_rng(0)
    training = [(random.standard_normal((n, 2)) * [3, 0.01] + [1e4, -5]).astype(np.float32) for n in (1, 7, 400)]
    rows, offsets = fitted(*training).encode(training)
    assert offsets.tolist() == [0, 1, 8, 408]
    np.testing.assert_allclose(rows.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(rows.std(0), 1, rtol=1e-3)


def test_scales_come_from_training_alone() -> None:
    encoder = fitted(series([0, 0], [2, 4]))
    rows, _ = encoder.encode([series([100, 100])])
    assert rows.tolist() == [[99, 49]]


def test_gaps_take_the_last_value_and_are_marked() -> None:
    training = series([0, 1], [NAN, NAN], [2, 1], [NAN, 3])
    encoder = fitted(training)
    assert encoder.features == ["a", "b", "a missing", "b missing"]
    assert encoder.shape == {"n_features": 4}
    rows, _ = encoder.encode([training])
    assert rows[:, 2:].tolist() == [[0, 0], [1, 1], [0, 0], [1, 0]]
    assert rows[:, 0].tolist() == [-1, -1, 1, 1]
    before, _ = encoder.encode([series([NAN, 1], [0, 1])])  # nothing came before: the mean
    assert before[0, 0] == 0


def test_a_mask_is_there_only_where_training_had_gaps() -> None:
    encoder = fitted(series([0, NAN], [2, 1]))
    assert encoder.features == ["a", "b", "b missing"]
    rows, _ = encoder.encode([series([2, 1], [NAN, 1])])
    assert rows[:, 0].tolist() == [1, 1]


@pytest.mark.parametrize("value", [0.0, 0.1, 1e8, -3e-5])
def test_a_constant_channel_is_read_as_zeros(value: float) -> None:
    training = [series(*([value, k] for k in range(n))) for n in (3, 5)]
    rows, _ = fitted(*training).encode(training)
    np.testing.assert_allclose(rows[:, 0], 0, atol=1e-6)
    assert np.isfinite(rows).all()


def test_a_channel_that_is_missing_throughout_training() -> None:
    training = series([0, NAN], [2, NAN])
    rows, _ = fitted(training).encode([training, series([0, 7])])
    assert rows.tolist() == [[-1, 0, 1], [1, 0, 1], [-1, 7, 0]]


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(["head", "tail", "ends"]))
def test_what_is_kept_of_a_long_series(length: int, most: int, truncate: str) -> None:
    kept = kept_steps(length, most, truncate).tolist()
    assert kept == sorted(set(kept))
    assert len(kept) == min(length, most)
    assert set(kept) <= set(range(length))
    assert truncate == "tail" or kept[0] == 0
    assert truncate == "head" or most == 1 or kept[-1] == length - 1


def test_lengths_before_they_were_cut_are_counted() -> None:
    encoder = fitted(series([0, 0], [2, 2]), max_length=2, truncate="tail")
    rows, offsets, whole = encoder.encode_counted([series([0, 0], [2, 2], [4, 4]), series([1, 1])])
    assert (rows[:, 0].tolist(), offsets.tolist(), whole.tolist()) == ([1, 3, 0], [0, 2, 3], [3, 1])


def test_an_encoder_is_read_back_from_json() -> None:
    encoder = fitted(series([0.1, NAN], [2, 1 / 3]))
    again = read_encoder(json.loads(json.dumps(encoder.describe())), {})
    assert again == encoder


@pytest.mark.parametrize("description", [{"kind": "series"}, {"kind": "series", "channels": ["a"], "surprise": 1}])
def test_a_damaged_description_is_refused(description: dict[str, object]) -> None:
    with pytest.raises(ArtifactError, match="its encoder is damaged"):
        read_encoder(description, {})


def test_other_channels_are_refused() -> None:
    with pytest.raises(DataError, match="a series with 3 channels came; this model reads 2; give as many"):
        fitted(series([0, 0], [1, 1])).encode([series([1, 2, 3])])


@pytest.mark.parametrize(("kind", "source"), [("words", "series"), ("series", "text"), ("series", "tokens")])
def test_an_encoder_of_another_kind_is_refused(kind: str, source: str) -> None:
    inputs = [series([0, 0])] if source == "series" else ["a b a b"]
    with pytest.raises(RequestError, match=f"encoder.kind={kind}: this source holds"):
        fit_encoder(inputs, EncoderConfig(kind=kind), source, ["a", "b"])  # pyright: ignore[reportArgumentType]


def test_a_value_too_far_from_training_to_be_read_is_named() -> None:
    encoder = fitted(series([0, 0], [2e-3, 4]))
    largest = float(np.finfo(np.float32).max)
    rows, _ = encoder.encode([series([1, largest])])
    assert np.isfinite(rows).all()
    with pytest.raises(DataError, match=r"channel 'a' holds 3e\+38, and the deviation in training is 0\.001: too far"):
        encoder.encode([series([0, 0], [3e38, NAN])])
