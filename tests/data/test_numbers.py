"""Numbers in the place of labels: read, standardised by training alone, and refused where they are none."""

import json
from pathlib import Path

import numpy as np
import pytest

from lstmkit.config.resolve import resolve
from lstmkit.core.errors import DataError
from lstmkit.data.numbers import Numbered, numbered
from lstmkit.data.sources import cut, load_corpus


def read(path: Path, numbers: list[object]) -> Numbered:
    path.write_text("".join(json.dumps({"text": f"a word {k}", "score": y}) + "\n" for k, y in enumerate(numbers)))
    config = resolve(overrides={"data.source": str(path), "data.label_column": "score", "encoder.min_frequency": 1})
    corpus = load_corpus(config.data)
    return numbered(corpus, cut(corpus, config.data, 0, by_label=False), config)


def test_scale_and_centre_are_those_of_training(tmp_path: Path) -> None:
    data = read(tmp_path / "scores.jsonl", [k * 0.5 - 3 for k in range(40)])
    assert {name: len(part) for name, part in data.parts.items()} == {"train": 31, "valid": 3, "test": 6}
    train = data.numbers["train"]
    assert (data.mean, data.deviation) == (train.mean(), train.std())
    for name, part in data.encoded.items():
        np.testing.assert_allclose(data.values(part.labels[:, None].astype(np.float64)), data.numbers[name], atol=1e-6)
    assert abs(data.encoded["train"].labels.mean()) < 1e-6


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([1, 2, "many", 4, 5], r"scores.jsonl:3: 'many' is no finite number"),
        ([1, 2, "nan", 4, 5], r"scores.jsonl:3: 'nan' is no finite number"),
        ([7] * 9, r"every training example has the number 7; there is nothing to learn"),
        ([1, 2], r"2 examples; three parts need 3 or more"),
    ],
)
def test_what_is_no_number_is_named(tmp_path: Path, numbers: list[object], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(tmp_path / "scores.jsonl", numbers)
