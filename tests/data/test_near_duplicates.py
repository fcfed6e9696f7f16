"""Sequences that are nearly the same are found, those that are not are not, and so says counting them one by one."""

from itertools import chain, product

import numpy as np
import pytest

from lstmkit.data.encoded import EncodedPart
from lstmkit.data.near_duplicates import RESEMBLANCE, near_duplicates


def part_of(sequences: list[list[int]]) -> EncodedPart:
    offsets = np.cumsum([0, *map(len, sequences)]).astype(np.int64)
    return EncodedPart(np.array([*chain.from_iterable(sequences)], dtype=np.int32), offsets)


def resemblance(one: list[int], other: list[int]) -> float:
    """The definition, as plainly as can be."""
    runs = [{tuple(tokens[k : k + 5]) for k in range(len(tokens) - 4)} for tokens in (one, other)]
    return len(runs[0] & runs[1]) / len(runs[0] | runs[1])


def test_it_finds_what_counting_finds() -> None:
    rng = np.random.default_rng(0)
    seen = [rng.integers(0, 500, rng.integers(32, 200)).tolist() for _ in range(40)]
    asked = []
    for k in range(160):
        tokens = list(seen[k % 40])
        for place in rng.integers(0, len(tokens), k // 40 * 2):
            tokens[place] = int(rng.integers(0, 500))
        asked.append(tokens[k % 7 :] if k % 3 == 0 else tokens)
    truth = {(i, j): resemblance(a, s) for (i, a), (j, s) in product(enumerate(asked), enumerate(seen)) if len(a) >= 32}
    alike = {pair for pair, value in truth.items() if value >= RESEMBLANCE}
    told = {(row, other) for row, likes in near_duplicates(part_of(seen), part_of(asked)) for other in likes}
    assert 60 < len(alike) < 140
    assert told <= alike
    assert len(told) >= 0.95 * len(alike)
    assert told >= {pair for pair, value in truth.items() if value == 1.0}


@pytest.mark.parametrize("n_tokens", [1, 4, 5, 31])
def test_short_sequences_are_left_out(n_tokens: int) -> None:
    part = part_of([list(range(n_tokens))])
    assert list(near_duplicates(part, part)) == []


def test_a_run_does_not_reach_into_the_next_sequence() -> None:
    rng = np.random.default_rng(1)
    one, other, third = (rng.integers(0, 500, 40).tolist() for _ in range(3))
    assert list(near_duplicates(part_of([one, other]), part_of([third, one]))) == [(1, [0])]
    assert list(near_duplicates(part_of([one[:20], one[20:]]), part_of([one]))) == []


def test_of_a_form_letter_a_few_copies_are_named() -> None:
    letter = list(range(50))
    ((row, likes),) = near_duplicates(part_of([letter] * 100), part_of([letter]))
    assert row == 0
    assert likes == [0, 1, 2]


def test_no_sequences_at_all() -> None:
    none, some = part_of([]), part_of([list(range(40))])
    assert list(near_duplicates(none, some)) == list(near_duplicates(some, none)) == []
