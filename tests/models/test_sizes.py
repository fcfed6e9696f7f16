"""Equal numbers of parameters: counted without allocating, and as near as whole sizes allow."""

from typing import Any

import pytest
import torch

from lstmkit.models import Classifier
from lstmkit.models.sizes import matched_hidden_size, n_parameters

SHAPES: list[dict[str, Any]] = [
    {"vocabulary_size": 17, "n_classes": 10, "embedding_size": 12, "hidden_size": 20},
    {"vocabulary_size": 50, "n_classes": 2, "embedding_size": 5, "hidden_size": 7, "num_layers": 2},
    {"vocabulary_size": 9, "n_classes": 3, "hidden_size": 3, "bidirectional": True, "pooling": "max_mean"},
    {"vocabulary_size": 9, "n_classes": 3, "embedding_size": 100, "hidden_size": 1},
]


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_nearest_of_all_sizes(shape: dict[str, Any], cell: str) -> None:
    wanted = Classifier(**shape).n_parameters()
    assert n_parameters(shape) == wanted
    by_size = {
        size: Classifier(**shape | {"cell": cell, "hidden_size": size}).n_parameters()["total"]  # type: ignore[arg-type]
        for size in range(1, 60)
    }
    nearest = min(by_size, key=lambda size: (abs(by_size[size] - wanted["total"]), size))
    assert nearest < 59, "the oracle has seen enough sizes"
    found = matched_hidden_size(shape | {"cell": cell}, wanted["total"])
    assert found == nearest
    assert found == shape["hidden_size"] if cell == "lstm" else found >= shape["hidden_size"]


def test_counting_draws_no_random_number() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    matched_hidden_size(SHAPES[0] | {"cell": "rnn"}, 5_000)
    assert torch.equal(torch.get_rng_state(), before)


def test_fewer_parameters_than_the_smallest_network_has() -> None:
    assert matched_hidden_size(SHAPES[0] | {"cell": "rnn"}, 10) == 1
