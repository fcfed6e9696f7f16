"""The axes of arrays of series: one data set in any form is one model, and two readings are never passed over."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from estimator_toys import small, small_of_series
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmkit import SequenceClassifier, SequenceForecaster, load
from lstmkit.api.forecaster import listed
from lstmkit.api.series import series_of
from lstmkit.core.errors import ArtifactError, AxesWarning, DataError, RequestError
from lstmkit.core.files import digest_of

FORECASTER = {"horizon": 2, "season": 1, "epochs": 1, "hidden_size": 4, "embedding_size": 3, "random_state": 0}
OTHER = {"nct": "ntc", "ntc": "nct"}


def drawn(seed: int, n: int, n_channels: int, n_steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Series `(n, time, channels)` with gaps, and labels of two classes."""
    random = np.random.default_rng(seed)
    series = random.normal(size=(n, n_steps, n_channels)) * 10.0 ** random.integers(-2, 3, n_channels)
    series[random.random(series.shape) < 0.1] = np.nan
    series[:, 0] = random.normal(size=(n, n_channels))  # no series is missing as a whole
    return series, np.arange(n) % 2


def tiny(**changes: Any) -> SequenceClassifier:
    return small_of_series(**{"epochs": 1, "hidden_size": 4, "embedding_size": 3, **changes})


def forms_of(series: np.ndarray) -> dict[str, tuple[str | None, Any]]:
    """One data set `(n, time, channels)` in every form, each with its axes."""
    nct = series.swapaxes(1, 2)
    masked = np.ma.masked_invalid(series)
    return {
        "3-D ntc": ("ntc", series),
        "3-D nct": ("nct", nct),
        "list ntc": ("ntc", list(series)),
        "list nct": ("nct", list(nct.copy())),
        "nested lists": ("ntc", [[[None if np.isnan(x) else x for x in step] for step in one] for one in series]),
        "masked ntc": ("ntc", np.ma.array(np.nan_to_num(series), mask=masked.mask)),
        "masked nct": ("nct", np.ma.array(np.nan_to_num(nct), mask=np.isnan(nct))),
        "list of masked": ("ntc", list(masked)),
        "lists of masked steps": ("ntc", [list(one) for one in masked]),
        "by columns": ("ntc", np.asfortranarray(series)),
    }


SIZES = {"seed": st.integers(0, 10_000), "n_channels": st.integers(1, 5), "n_steps": st.integers(2, 40)}


@settings(max_examples=4, deadline=None)
@given(**SIZES)
def test_each_form_is_the_same_model_and_stays_so(
    tmp_path_factory: pytest.TempPathFactory, seed: int, n_channels: int, n_steps: int
) -> None:
    series, y = drawn(seed, 8, n_channels, n_steps)
    wanted: dict[str, Any] = {}
    saved: dict[str | None, list[Any]] = {}
    for name, (axes, form) in forms_of(series).items():
        model = tiny(axes=axes).fit(form, y)
        bits = [tensor.numpy().tobytes() for tensor in model.network_.state_dict().values()]
        found = {
            "weights": bits,
            "encoder": model.encoder_,
            "answers": model.predict_proba(form).tobytes(),
            "explained": model.explain(form[3]).attribution.values.tobytes(),
        }
        wanted = wanted or found
        assert found == wanted, name
        assert model.axes_ == axes
        if name.startswith("3-D"):
            folder = tmp_path_factory.mktemp("saved")
            model.save(folder)
            saved[axes] = [SequenceClassifier.load(folder), load(folder)]
            assert saved[axes][0].axes == saved[axes][0].axes_ == axes
        for other in saved[axes]:
            assert other.predict_proba(form).tobytes() == wanted["answers"]
            assert other.explain(form[3]).attribution.values.tobytes() == wanted["explained"]


@settings(max_examples=5, deadline=None)
@given(**SIZES)
def test_ragged_lists_are_one_model_in_either_order(seed: int, n_channels: int, n_steps: int) -> None:
    series, y = drawn(seed, 8, n_channels, n_steps + 3)
    ragged = [one[: 2 + k % (n_steps + 1)] for k, one in enumerate(series)]
    turned = [one.T for one in ragged]
    model, other = tiny(axes="ntc").fit(ragged, y), tiny(axes="nct").fit(turned, y)
    assert model.encoder_ == other.encoder_
    assert model.predict_proba(ragged).tobytes() == other.predict_proba(turned).tobytes()


@settings(max_examples=8, deadline=None)
@given(**SIZES)
def test_without_axes_what_was_fitted_is_explained_in_its_form(seed: int, n_channels: int, n_steps: int) -> None:
    series, y = drawn(seed, 6, n_channels, max(n_steps, n_channels))
    nct = series.swapaxes(1, 2)
    model, wanted = tiny().fit(nct, y), tiny(axes="ntc").fit(series, y)
    assert model.axes_ == "array"
    assert model.predict_proba(nct).tobytes() == wanted.predict_proba(series).tobytes()
    explained = model.explain(nct[2])
    assert explained.attribution.values.tobytes() == wanted.explain(series[2]).attribution.values.tobytes()
    if series.shape[1] != n_channels:  # and a lone series by steps can be nothing else
        assert model.explain(series[2]).attribution.values.tobytes() == explained.attribution.values.tobytes()


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 10_000), n_columns=st.integers(1, 3), n_steps=st.integers(30, 60))
def test_each_form_is_the_same_forecaster(
    tmp_path_factory: pytest.TempPathFactory, seed: int, n_columns: int, n_steps: int
) -> None:
    series, _ = drawn(seed, 3, n_columns, n_steps)
    wanted = b""
    saved: dict[str | None, list[Any]] = {}
    for name, (axes, form) in forms_of(series).items():
        model = SequenceForecaster(**FORECASTER, axes=axes).fit(form)
        if name.startswith("3-D"):
            folder = tmp_path_factory.mktemp("saved")
            model.save(folder)
            saved[axes] = [SequenceForecaster.load(folder), load(folder)]
        found = model.predict_quantiles(form)
        wanted = wanted or found.tobytes()
        assert found.tobytes() == wanted, name
        for other in saved[axes]:
            assert other.predict_quantiles(form).tobytes() == wanted
        assert saved[axes][0].score(form) == model.score(form)


@pytest.mark.parametrize(
    ("shape", "is_list", "said"),
    [
        (
            (6, 9, 2),
            False,
            r"an array of shape \(6, 9, 2\) is read as \(n, channels, time\), 9 channels of 2 steps; if it is "
            r"\(n, time, channels\), 2 channels of 9 steps, set axes='ntc'; axes='nct' says",
        ),
        (
            (6, 9, 2),
            True,
            r"a list of 6 arrays of shape \(9, 2\) is read as \(time, channels\), 2 channels of 9 steps; if they are "
            r"\(channels, time\), 9 channels of 2 steps, .*set axes='nct'; axes='ntc' says",
        ),
        ((6, 2, 9), True, r"a list of 6 arrays of shape \(2, 9\) is read as \(time, channels\), 9 channels of 2 steps"),
        ((6, 5, 5), True, r"a list of 6 arrays of shape \(5, 5\)"),
        ((6, 5, 4), False, r"an array of shape \(6, 5, 4\)"),
        ((6, 2, 9), False, ""),
        ((6, 5, 5), False, ""),
    ],
)
def test_two_likely_readings_are_both_said(shape: tuple[int, ...], is_list: bool, said: str) -> None:
    values = np.random.default_rng(0).normal(size=shape)
    x: Any = list(values) if is_list else values
    for read in (lambda axes: tiny(axes=axes).fit(x, [0, 1] * 3), lambda axes: listed(x, form=axes)):
        if said:
            with pytest.warns(AxesWarning, match=said) as caught:
                read(None)
            assert len(caught) == 1
            assert "\n" not in str(caught[0].message)
        else:
            read(None)
        read("nct")  # what was said is not asked again
        read("ntc")


def test_unequal_lists_and_one_channel_rows_ask_nothing() -> None:
    random = np.random.default_rng(0)
    tiny().fit([random.normal(size=(k, 2)) for k in (3, 4, 5, 6)], [0, 1, 0, 1])
    SequenceForecaster(**FORECASTER).fit([random.normal(size=(40, 2))])  # one series has no stack
    SequenceForecaster(**FORECASTER).fit(random.normal(size=(3, 40)))


def test_a_square_is_told_of_where_its_form_is_not_the_fitted_one(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(8, 3, 3))
    model = tiny().fit(values, [0, 1] * 4)
    model.save(tmp_path / "m")
    for one in (model, load(tmp_path / "m")):
        one.predict_proba(values)  # as it was fitted
        with pytest.warns(AxesWarning, match=r"a list of 8 arrays of shape \(3, 3\) is read as \(time, channels\)"):
            one.predict_proba(list(values))
    read = load(tmp_path / "m")
    turned = values.swapaxes(1, 2)
    np.testing.assert_array_equal(read.predict_proba(list(turned), axes="ntc"), read.predict_proba(values))
    np.testing.assert_array_equal(read.predict_proba(list(values), axes="nct"), read.predict_proba(values))
    explained = [read.explain(values[0]), read.explain(turned[0], axes="ntc"), read.explain(values[0], axes="nct")]
    assert len({one.attribution.values.tobytes() for one in explained}) == 1
    of_lists = tiny(axes=None).fit([one[: 2 + k % 2] for k, one in enumerate(values)], [0, 1] * 4)
    with pytest.warns(AxesWarning, match=r"an array of shape \(8, 3, 3\) is read as \(n, channels, time\)"):
        of_lists.predict(values)


@pytest.mark.parametrize("axes", ["nct", "ntc"])
def test_the_wrong_order_is_refused_and_names_the_right_one(axes: str, tmp_path: Path) -> None:
    series, y = drawn(0, 6, 2, 9)
    given = series if axes == "ntc" else series.swapaxes(1, 2)
    turned = given.swapaxes(1, 2)
    model = tiny(axes=axes).fit(given, y)
    model.save(tmp_path / "m")
    said = rf"example 0 has 9 channels, 2 are read: its shape \(\d, \d\) is taken for .*, set axes='{OTHER[axes]}'"
    for one in (model, load(tmp_path / "m")):
        for call in (one.predict, one.predict_proba):
            for x in (turned, list(turned)):
                with pytest.raises(DataError, match=said):
                    call(x)
        with pytest.raises(DataError, match=said):
            one.explain(turned[0])


def test_a_stream_takes_chunks_as_they_were_fitted(tmp_path: Path) -> None:
    series, y = drawn(0, 6, 3, 9)
    tiny(axes="nct").fit(series.swapaxes(1, 2), y).save(tmp_path / "m")
    read = load(tmp_path / "m")
    wanted = read.predict_proba(series.swapaxes(1, 2))
    by_steps, by_channels, masked = read.stream(axes="ntc"), read.stream(), read.stream()
    for k in (0, 3, 6):  # square chunks, which nothing but the axes tells apart
        by_steps.push(series[0, k : k + 3])
        by_channels.push(series[0, k : k + 3].T)
        masked.push(np.ma.masked_invalid(series[0, k : k + 3].T))
    pool = read.stream_pool()
    names = [pool.join(), pool.join()]
    for k in (0, 3, 6):
        pooled = pool.push(names, series[:2, k : k + 3].swapaxes(1, 2))
    for answer in (by_steps.probabilities, by_channels.probabilities, masked.probabilities, pooled[0]):
        np.testing.assert_allclose(answer, wanted[0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(pooled[1], wanted[1], rtol=0, atol=1e-6)
    with pytest.raises(DataError, match=r"an array of shape \(4, 3\) came, .* or a chunk \(3, time\)"):
        read.stream().push(np.zeros((4, 3)))


def test_a_forecasters_stream_takes_columns_first(tmp_path: Path) -> None:
    series, _ = drawn(0, 2, 2, 40)
    SequenceForecaster(**FORECASTER, axes="nct").fit(series.swapaxes(1, 2)).save(tmp_path / "m")
    read = load(tmp_path / "m")
    by_columns, by_steps = read.stream(), read.stream(axes="ntc")
    for k in range(0, 40, 2):
        first, second = by_columns.push(series[0, k : k + 2].T), by_steps.push(series[0, k : k + 2])
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, read.predict_quantiles(series.swapaxes(1, 2))[0], rtol=1e-5)


BAD_AXES: list[Any] = ["tcn", "NCT", "", "array", 0, True, ["nct"], np.array(["nct", "ntc"])]


@pytest.mark.parametrize("axes", BAD_AXES, ids=str)
def test_axes_are_one_of_two(axes: Any, tmp_path: Path) -> None:
    series, y = drawn(0, 6, 2, 9)
    said = r"axes = .*: 'nct' \(examples, channels, time\), 'ntc' \(examples, time, channels\) or None"
    for fit in (
        lambda: tiny(axes=axes).fit(series, y),
        lambda: SequenceForecaster(**FORECASTER, axes=axes).fit(series),
    ):
        with pytest.raises(ValueError, match=said) as caught:
            fit()
        assert "\n" not in str(caught.value)
    tiny(axes="ntc").fit(series, y).save(tmp_path / "m")
    read = load(tmp_path / "m")
    for call in (read.predict, read.predict_proba):
        with pytest.raises(RequestError, match=said):
            call(series, axes=axes)
    for call in (lambda: read.explain(series[0], axes=axes), lambda: read.stream(axes=axes)):
        with pytest.raises(RequestError, match=said):
            call()


def test_axes_of_what_is_no_series_are_refused(tmp_path: Path) -> None:
    texts, y = ["a b", "b a", "a a", "b b"], [0, 1, 0, 1]
    for x in (texts, [[1, 2], [2, 1], [1, 1], [2, 2]]):
        with pytest.raises(ValueError, match=r"axes='nct' is of arrays of numeric series, and X holds texts or tokens"):
            small(epochs=1, axes="nct").fit(x, y)
    small(epochs=1).fit(texts, y).save(tmp_path / "m")
    read = load(tmp_path / "m")
    for call in (
        lambda: read.predict(texts, axes="ntc"),
        lambda: read.explain("a", axes="ntc"),
        lambda: read.stream(axes="ntc"),
    ):
        with pytest.raises(
            RequestError, match=r"axes='ntc' is of arrays of numeric series, and this model reads texts"
        ):
            call()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("word_dropout", 0.1), ("word_dropout_length", 5), ("embedding_std", 0.1), ("lowercase", False),
        ("vocabulary_size", 99), ("min_frequency", 1), ("tokenizer", "words"),
    ],
)  # fmt: skip
def test_what_series_have_no_use_for_is_refused(name: str, value: Any) -> None:
    series, y = drawn(0, 6, 2, 9)
    with pytest.raises(ValueError, match=f"^{name}=") as caught:
        tiny(axes="ntc", **{name: value}).fit(series, y)
    assert isinstance(caught.value, RequestError)


def test_y_of_a_forecaster_is_refused() -> None:
    series, y = drawn(0, 3, 1, 40)
    model = SequenceForecaster(**FORECASTER, axes="ntc").fit(series)
    for call in (model.fit, model.score):
        with pytest.raises(ValueError, match="y came, and series hold what is forecast; give X alone"):
            call(series, y)


def test_models_from_before_are_read_and_unknown_axes_are_not(tmp_path: Path) -> None:
    series, y = drawn(0, 6, 2, 9)
    nct = series.swapaxes(1, 2)
    model = tiny().fit(nct, y)
    model.save(tmp_path / "m")
    path = tmp_path / "m" / "model" / "model.json"

    def rewrite(**changes: Any) -> None:
        about = {key: value for key, value in json.loads(path.read_text()).items() if key not in ("digest", "axes")}
        about |= changes
        path.write_text(json.dumps(about | {"digest": digest_of(about)}))

    rewrite()
    for one in (SequenceClassifier.load(tmp_path / "m"), load(tmp_path / "m")):
        assert one.predict_proba(nct).tobytes() == model.predict_proba(nct).tobytes()
        assert one.explain(series[0]).predicted == model.explain(nct[0]).predicted
    for axes in ("tcn", ["nct"], 3):
        rewrite(axes=axes)
        with pytest.raises(ArtifactError, match=r"describes no model \(axes"):
            load(tmp_path / "m")


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    kind=st.sampled_from([np.float64, np.float32, np.int64, np.int8, np.uint8, bool, object]),
)
def test_a_mask_is_a_missing_value(seed: int, kind: Any) -> None:
    random = np.random.default_rng(seed)
    values = random.integers(0, 2, (3, 4, 2)).astype(kind)
    mask = random.random(values.shape) < 0.3
    mask[:, 0] = False
    wanted = np.where(mask, np.nan, values.astype(np.float64))
    masked = np.ma.array(values, mask=mask)
    as_lists = [[[x for x in step] for step in one] for one in masked]  # noqa: C416  (each masked one a constant)
    for form in (masked, list(masked), as_lists, [list(one) for one in masked]):
        found = series_of(form, axes="ntc")
        np.testing.assert_array_equal(np.stack(found), wanted.astype(np.float32))
