"""What a model must beat to be worth its training: the commonest class, and a linear model over TF-IDF."""

import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, Literal

import numpy as np
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from lstmkit.evaluate.statistics import wilson_interval

C_GRID = (1.0, 3.0, 10.0, 30.0, 100.0)  # inverse strengths of the L2 penalty

# Terms of a single text are most of the vocabulary; a large corpus does as well without them, a small one does not.
_N_TEXTS_FOR_MIN_DF_2 = 10_000
_MOST_COEFFICIENTS = 5_000_000  # the solver keeps some twenty vectors of them: about 400 MB
_TOLERANCE = 1e-5  # on the gradient of the mean loss; at 1e-4 warm starts with a large C stop where they began
_MOST_ITERATIONS = 1_000

# Single letters count, as "a" and "I"; scikit-learn's own pattern drops them.
_WORD = r"(?u)\w+"
_TOKEN = r"\S+"  # noqa: S105  # what stands between white space, and no secret


def majority_baseline(train_labels: Sequence[str], test_labels: Sequence[str]) -> dict[str, Any]:
    """Answer the commonest training label, whatever comes; of equals the first in alphabetical order.

    Args:
        train_labels: the training part's labels, at least one.
        test_labels: labels to score against, at least one.

    Returns:
        `label`, `accuracy`, `accuracy_ci95`, `macro_f1`.

    Raises:
        ValueError: one of the two is empty.
    """
    check_pair("training", train_labels, train_labels)
    check_pair("test", test_labels, test_labels)
    label = commonest(train_labels)
    return {"label": label, **accuracy_of([label] * len(test_labels), test_labels)}


def linear_baseline(
    train_texts: Sequence[str],
    train_labels: Sequence[str],
    valid_texts: Sequence[str],
    valid_labels: Sequence[str],
    test_texts: Sequence[str],
    test_labels: Sequence[str],
    *,
    kind: Literal["text", "tokens"],
    refit: bool = False,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """TF-IDF over words 1 to 2 (sublinear counts) and multinomial logistic regression.

    C is chosen from `C_GRID` by accuracy on validation, the smallest of equals; the test part is scored once, by the
    chosen model. Without validation examples the middle of the grid is taken. Terms of one training text alone are left
    out where there are more than 10,000 training texts. Equal input gives equal predictions: one thread, fixed start.

    Args:
        train_texts, train_labels: what vocabulary, weights and coefficients are fitted on; at least one.
        valid_texts, valid_labels: what C is chosen on; may be empty.
        test_texts, test_labels: what is scored; at least one.
        kind: `text` is lower-cased and cut into words; `tokens` are taken as they stand between white space.
        refit: fit the chosen C again, vocabulary and all, on training + validation before the test.
        progress: is told in a line what has just been done.

    Returns:
        `name`, `accuracy`, `accuracy_ci95`, `macro_f1`, `C`, `grid` (C as text: validation accuracy), `valid_accuracy`,
        `n_features`, `seconds`, `refit`, `predictions` (a label for each test text). `C` and `valid_accuracy` are None
        where there was nothing to choose: one class, or no words, or (the latter alone) no validation examples.

    Raises:
        ValueError: texts and labels differ in number; no training or test examples; an unknown `kind`.
    """
    check_pair("training", train_texts, train_labels)
    check_pair("test", test_texts, test_labels)
    if len(valid_texts) != len(valid_labels):
        raise ValueError(f"{len(valid_texts)} validation texts and {len(valid_labels)} labels; one label for each text")
    if kind not in ("text", "tokens"):
        raise ValueError(f"kind {kind!r}; it is 'text' or 'tokens'")
    tell = progress or (lambda _line: None)
    started_s = time.perf_counter()
    # These products are small or bound by memory: a second thread makes them slower, and may change the rounding.
    with threadpool_limits(1):
        model = _Linear(kind, train_texts, train_labels)
        tell(
            f"linear baseline: {len(train_texts):,} texts, {model.n_features:,} features; C is one of {_listed(C_GRID)}"
        )
        grid: dict[float, float] = {}
        if model.can_learn and valid_texts:
            grid = model.search(valid_texts, valid_labels, tell)
        elif model.can_learn:
            model.fit(C_GRID[len(C_GRID) // 2])
        chosen = model.C
        if refit and valid_texts:
            model = _Linear(kind, [*train_texts, *valid_texts], [*train_labels, *valid_labels])
            if model.can_learn:
                model.fit(chosen if chosen is not None else C_GRID[len(C_GRID) // 2])
                tell(f"linear baseline: fitted again on training + validation with C {model.C:g}")
        predictions = model.predict(test_texts)
    return {
        "name": "TF-IDF (1-2 grams) + logistic regression",
        **accuracy_of(predictions, test_labels),
        "C": model.C,
        "grid": {f"{c:g}": accuracy for c, accuracy in grid.items()},
        "valid_accuracy": max(grid.values(), default=None),
        "n_features": model.n_features,
        "seconds": time.perf_counter() - started_s,
        "refit": refit,
        "predictions": predictions,
    }


class _Linear:
    """One vocabulary, one design matrix, and the logistic regression fitted on it last."""

    def __init__(self, kind: Literal["text", "tokens"], texts: Sequence[str], labels: Sequence[str]) -> None:
        self._labels = labels
        self._fallback = commonest(labels)
        self._regression = LogisticRegression(warm_start=True, tol=_TOLERANCE, max_iter=_MOST_ITERATIONS)
        self.C: float | None = None
        n_classes = len(set(labels))
        self._vectorizer, self._features = vectorize(kind, texts, 1 if n_classes == 2 else n_classes)
        self.n_features = self._features.shape[1]
        self.can_learn = n_classes > 1 and self.n_features > 0

    def search(self, texts: Sequence[str], labels: Sequence[str], tell: Callable[[str], None]) -> dict[float, float]:
        """Fit each C, each from the last one's coefficients, and keep the best on these examples."""
        features = self._vectorizer.transform(texts)
        grid: dict[float, float] = {}
        best, best_c = self._regression, C_GRID[0]
        for c in C_GRID:
            regression = self.fit(c)
            grid[c] = float(np.mean(regression.predict(features) == np.asarray(labels, dtype=object)))
            tell(f"linear baseline: C {c:g}: {grid[c]:.2%} on validation")
            if c == C_GRID[0] or grid[c] > grid[best_c]:
                best, best_c = deepcopy(regression), c
        self._regression, self.C = best, best_c
        return grid

    def fit(self, c: float) -> LogisticRegression:
        """Fit the regression with this C, from where it stands."""
        self.C = c
        self._regression.set_params(C=c)
        with warnings.catch_warnings():
            # In float32 the line search can end a step above the tolerance: as good a fit as this arithmetic has.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self._regression.fit(self._features, np.asarray(self._labels, dtype=object))
        return self._regression

    def predict(self, texts: Sequence[str]) -> list[str]:
        if self.C is None:
            return [self._fallback] * len(texts)
        return [str(label) for label in self._regression.predict(self._vectorizer.transform(texts))]


def vectorize(kind: Literal["text", "tokens"], texts: Sequence[str], n_outputs: int) -> tuple[TfidfVectorizer, Any]:
    """Fit a vocabulary of at least one term if there is any, and give the texts as rows of TF-IDF weights."""
    pattern = _WORD if kind == "text" else _TOKEN
    attempts = [(pattern, 2)] if len(texts) > _N_TEXTS_FOR_MIN_DF_2 else []
    attempts += [(pattern, 1), (_TOKEN, 1)]  # the last for texts of signs alone, as ":-)"
    for token_pattern, min_df in attempts:
        vectorizer = TfidfVectorizer(
            lowercase=kind == "text",
            token_pattern=token_pattern,
            ngram_range=(1, 2),
            sublinear_tf=True,
            min_df=min_df,
            max_features=max(_MOST_COEFFICIENTS // n_outputs, 1),
            dtype=np.float32,  # type: ignore[arg-type]  # allowed; the stub infers from the default
        )
        try:
            return vectorizer, vectorizer.fit_transform(texts)
        except ValueError as error:
            if "empty vocabulary" not in str(error) and "no terms remain" not in str(error):
                raise
    return TfidfVectorizer(), csr_array((len(texts), 0), dtype=np.float32)


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def commonest(labels: Sequence[str]) -> str:
    """The label that occurs most; of equals the first in alphabetical order."""
    return min(Counter(labels).items(), key=lambda item: (-item[1], item[0]))[0]


def accuracy_of(predictions: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
    """`accuracy`, `accuracy_ci95` and `macro_f1` of at least one prediction."""
    n, hits = len(labels), Counter(one for one, other in zip(predictions, labels, strict=True) if one == other)
    n_correct = hits.total()
    sizes = Counter(predictions) + Counter(labels)  # precision's denominator and recall's together
    return {
        "accuracy": n_correct / n,
        "accuracy_ci95": list(wilson_interval(n_correct, n)),
        "macro_f1": sum(2 * hits[label] / size for label, size in sizes.items()) / len(sizes),
    }


def check_pair(part: str, inputs: Sequence[Any], labels: Sequence[str], each: str = "text") -> None:
    """Refuse a part without examples, or with other labels than inputs."""
    if len(inputs) != len(labels):
        several = f"{each.removesuffix('s')}s"
        raise ValueError(f"{len(inputs)} {part} {several} and {len(labels)} labels; one label for each {each}")
    if len(inputs) == 0:
        raise ValueError(f"no {part} examples; a baseline needs at least one")
