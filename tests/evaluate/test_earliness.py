"""Accuracy by share seen and by decision, on answers that were written by hand."""

import numpy as np
import pytest

from lstmkit.evaluate.earliness import PERCENTS, THRESHOLDS, earliness
from lstmkit.evaluate.statistics import wilson_interval


def test_by_hand() -> None:
    # Four tokens, one token, three tokens.
    correct = np.array([False, False, True, True, False, True, False, False])
    confidence = np.array([0.4, 0.55, 0.7, 0.97, 0.6, 0.3, 0.4, 0.95])
    record = earliness(correct, confidence, np.array([0, 4, 5, 8]))
    assert record["n"] == 3
    assert [row["share"] for row in record["by_share"]] == [percent / 100 for percent in PERCENTS]
    right = {row["share"]: round(3 * row["accuracy"]) for row in record["by_share"]}
    assert (right[0.05], right[0.25], right[0.35], right[0.5], right[0.55], right[1.0]) == (1, 1, 0, 0, 1, 1)
    assert record["by_share"][0]["accuracy_ci95"] == list(wilson_interval(1, 3))
    by_threshold = {row["threshold"]: row for row in record["decisions"]}
    assert tuple(by_threshold) == THRESHOLDS
    half = by_threshold[0.5]  # decided after 2 of 4, 1 of 1, 3 of 3
    assert half["accuracy"] == 0
    assert half["mean_share_seen"] == pytest.approx((0.5 + 1 + 1) / 3)
    assert half["share_decided"] == 1
    seven = by_threshold[0.7]  # after 3 of 4; never; after 3 of 3
    assert seven["accuracy"] == pytest.approx(1 / 3)
    assert seven["mean_share_seen"] == pytest.approx((0.75 + 1 + 1) / 3)
    assert seven["share_decided"] == pytest.approx(2 / 3)
    assert by_threshold[0.99]["share_decided"] == 0
    assert by_threshold[0.99]["mean_share_seen"] == 1


@pytest.mark.parametrize("length", [1, 7, 20, 30, 400])
def test_a_share_is_rounded_up_to_whole_tokens(length: int) -> None:
    for place in range(length):
        correct = np.arange(length) == place
        found = earliness(correct, np.ones(length), np.array([0, length]))["by_share"]
        expected = [(percent * length + 99) // 100 == place + 1 for percent in PERCENTS]
        assert [row["accuracy"] == 1 for row in found] == expected


@pytest.mark.parametrize("offsets", [[0], [0, 2, 2]])
def test_nothing_has_no_earliness(offsets: list[int]) -> None:
    with pytest.raises(ValueError, match="of one token or more"):
        earliness(np.ones(2, bool), np.ones(2), np.array(offsets))
