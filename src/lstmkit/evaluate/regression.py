"""How good predicted numbers are, with intervals, and what they must beat: the mean, and ridge regression."""

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from lstmkit.data.encoder import Encoder
from lstmkit.data.numbers import Numbered
from lstmkit.data.series import SeriesEncoder
from lstmkit.data.speech import SpeechEncoder
from lstmkit.evaluate.baselines import vectorize
from lstmkit.evaluate.kernels import fit_kernels
from lstmkit.evaluate.statistics import with_width
from lstmkit.evaluate.summaries import summaries

MEASURES = ("rmse", "mae", "r2")
_N_RESAMPLES = 2_000
_TEXT_ALPHAS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_SERIES_ALPHAS = (1.0, 10.0, 100.0, 1e3, 1e4, 1e5)
_N_KERNEL_FEATURES = 2_000  # a solver of sums takes their square in memory


def number_scores(truth: Float[np.ndarray, " n"], predicted: Float[np.ndarray, " n"], seed: int = 0) -> dict[str, Any]:
    """RMSE, MAE and R squared, each with its 95% bootstrap interval over examples as `NAME_ci95`.

    R squared compares with the mean of the examples that are scored; where these are all the same it is None. An
    interval is None where every draw gives the same, as of one example.

    Args:
        truth, predicted: by example, at least one.
        seed: decides the bootstrap's draws.
    """
    errors = predicted - truth
    terms = np.stack([errors**2, np.abs(errors), truth, truth**2], 1)
    random = np.random.default_rng(seed)
    drawn = np.stack([terms[random.integers(len(terms), size=len(terms))].mean(0) for _ in range(_N_RESAMPLES)])
    found, many = _from_means(terms.mean(0)), _from_means(drawn)
    record: dict[str, Any] = {}
    for k, name in enumerate(MEASURES):
        there = many[:, k][np.isfinite(many[:, k])]
        is_known = bool(np.isfinite(found[k])) and len(there) > 0
        record[name] = float(found[k]) if is_known else None
        ends = with_width(*map(float, np.quantile(there, [0.025, 0.975]))) if is_known else None
        record[f"{name}_ci95"] = list(ends) if ends else None
    return record


def number_baselines(
    data: Numbered, truth: Float[np.ndarray, " n"], inputs: Sequence[Any], refit: bool, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Score the training part's mean and a ridge regression of the modality on the same examples.

    Texts: TF-IDF over words 1 to 2. Series: random convolution kernels in the manner of MiniRocket and summaries. The
    penalty is chosen by the error on validation.

    Args:
        data: has the training and the validation part.
        truth: the numbers of what is scored.
        inputs: what is scored, as the corpus holds it.
        refit: fit the chosen penalty again on training + validation.
        progress: told in a line what is done.
    """
    started_s = time.perf_counter()
    train, valid = data.parts["train"], data.parts["valid"]
    y, y_valid = data.numbers["train"], data.numbers["valid"]
    with threadpool_limits(1):
        name, alphas, features = _features(data, train.inputs)
        x, x_valid = features(train.inputs), features(valid.inputs)
        errors = {}
        for alpha in alphas:
            fitted = _ridge(alpha).fit(x, y)
            errors[alpha] = float(np.sqrt(np.mean((fitted.predict(x_valid) - y_valid) ** 2)))
        best = min(alphas, key=lambda alpha: errors[alpha])
        if refit:
            name, _, features = _features(data, [*train.inputs, *valid.inputs])
            x, y = features([*train.inputs, *valid.inputs]), np.concatenate([y, y_valid])
        predicted = _ridge(best).fit(x, y).predict(features(inputs))
    progress(f"ridge baseline: {name}, {x.shape[1]:,} features; alpha {best:g} chosen on validation")
    mean = float(y.mean())
    return {
        "mean": {"value": mean, **number_scores(truth, np.full(len(truth), mean))},
        "ridge": {
            "name": f"{name} + ridge regression",
            **number_scores(truth, predicted.astype(np.float64)),
            "alpha": best,
            "n_features": int(x.shape[1]),
            "seconds": time.perf_counter() - started_s,
            "refit": refit,
        },
    }


def _ridge(alpha: float) -> Ridge:
    # Sparse and wide matrices by conjugate gradients, whose result is a function of the data alone.
    return Ridge(alpha=alpha, solver="auto", random_state=0)


def _features(data: Numbered, inputs: Sequence[Any]) -> tuple[str, Sequence[float], Callable[[Sequence[Any]], Any]]:
    """What ridge regression reads, fitted on inputs: its name, its penalties, and how it is made."""
    encoder = data.encoder
    if isinstance(encoder, Encoder):
        kind: Literal["text", "tokens"] = "tokens" if data.corpus.kind == "tokens" else "text"
        vectorizer, _ = vectorize(kind, inputs, 1)
        return "TF-IDF (1-2 grams)", _TEXT_ALPHAS, vectorizer.transform
    n_channels = encoder.shape["n_features"]
    kernels = fit_kernels(_rows(encoder, inputs), n_features=_N_KERNEL_FEATURES, seed=0)

    def made(series: Sequence[Any]) -> np.ndarray:
        rows = _rows(encoder, series)
        return np.concatenate([kernels.transform(rows), summaries(rows, n_channels)], 1).astype(np.float64)

    scaler = StandardScaler().fit(made(inputs))
    return "random convolution kernels, summaries", _SERIES_ALPHAS, lambda series: scaler.transform(made(series))


def _rows(encoder: SeriesEncoder | SpeechEncoder, inputs: Sequence[Any]) -> list[np.ndarray]:
    rows, offsets = encoder.encode(inputs)
    return [rows[begin:end] for begin, end in pairwise(offsets.tolist())]


def _from_means(means: Float[np.ndarray, "... 4"]) -> Float[np.ndarray, "... 3"]:
    squared, absolute, mean, square = np.moveaxis(means, -1, 0)
    variance = square - mean**2
    with np.errstate(divide="ignore", invalid="ignore"):
        explained = np.where(variance > 1e-12 * square, 1 - squared / variance, np.nan)
    return np.stack([np.sqrt(squared), absolute, explained], -1)
