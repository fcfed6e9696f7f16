"""scikit-learn's own checks of what an estimator must do."""

from collections.abc import Callable
from typing import Any

from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from lstmkit import SequenceClassifier
from lstmkit.api.estimator import CHECKS_NOT_APPLICABLE

SMALL = SequenceClassifier(
    embedding_size=8, hidden_size=8, epochs=3, learning_rate=0.05, batch_size=16, device="cpu", threads=1
)


@parametrize_with_checks([SMALL], expected_failed_checks=lambda _: CHECKS_NOT_APPLICABLE, xfail_strict=True)
def test_scikit_learns_checks(estimator: SequenceClassifier, check: Callable[[Any], None]) -> None:
    check(estimator)


def test_few_checks_are_left_out_and_each_says_why() -> None:
    names = [_check_name(check) for _, check in estimator_checks_generator(SMALL)]
    assert len(names) >= 50
    assert set(CHECKS_NOT_APPLICABLE) <= set(names)
    assert len(CHECKS_NOT_APPLICABLE) <= 15
    assert all(len(reason.split()) >= 8 for reason in CHECKS_NOT_APPLICABLE.values())


def _check_name(check: Any) -> str:
    return getattr(check, "func", check).__name__
