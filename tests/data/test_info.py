"""What `data info` shows is what is there."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from making_sources import fill, parts_of, read

from lstmkit.data.info import describe, render

TRAIN = [
    ("a fine film", "pos"),
    ("A  fine\tfilm", "pos"),
    ("dull", "neg"),
    ("DULL", "neg"),
    ("so long a text that it is the longest", "neg"),
    ("contested", "pos"),
]
TEST = [("a FINE film", "pos"), ("contested", "neg"), ("other", "pos")]


def _table(rows: list[tuple[str, str]]) -> str:
    return "text,label\n" + "".join(f"{text},{label}\n" for text, label in rows)


RENDERED = """\
set: text
  layout: a table for each split (train.csv, test.csv)
  text column: 'text' (by its name)
  label column: 'label' (by its name)

label  train  test
neg        3     1
pos        3     2
all        6     3

length in words  mean  min  1%  5%  25%  50%  75%  95%  99%  max
train             3.0    1   1   1    1    1    3    9    9    9
test              1.7    1   1   1    1    1    3    3    3    3

duplicates (white space and case folded)
  within train: 2 (such as train.csv:2 = train.csv:3; train.csv:4 = train.csv:5)
  within test: none
  leak, texts of test that also stand in train: 2 (such as train.csv:2 = test.csv:2; train.csv:7 = test.csv:3)
  one text, different labels: 1 (such as train.csv:7 (pos) = test.csv:3 (neg))

longest
  train.csv:6: 9 words: so long a text that it is the longest
  train.csv:2: 3 words: a fine film
  train.csv:3: 3 words: A fine film

rejected rows: 3
  the text is empty: 2
  too few fields: 1
  train.csv:8: the text is empty
  train.csv:9: too few fields (1; the header has 2)
  train.csv:10: the text is empty

vocabulary (made from the training part)
  tokens known in test: 97.50%
  size: 1,200"""


@pytest.fixture
def info(tmp_path: Path) -> dict[str, Any]:
    fill(tmp_path / "set", {"train.csv": _table(TRAIN) + ",neg\nshort\n,neg\n", "test.csv": _table(TEST)})
    return describe(read(tmp_path / "set", on_bad_row="skip"), coverage={"tokens known in test": 0.975, "size": 1200})


def test_counts_and_lengths(info: dict[str, Any]) -> None:
    assert info["splits"]["train"] == {
        "n": 6,
        "labels": {"neg": 3, "pos": 3},
        "lengths": {
            "mean": 3.0,
            "min": 1,
            "1%": 1,
            "5%": 1,
            "25%": 1,
            "50%": 1,
            "75%": 3,
            "95%": 9,
            "99%": 9,
            "max": 9,
        },
    }
    assert info["splits"]["test"]["labels"] == {"neg": 1, "pos": 2}
    assert info["unit"] == "words"


def test_duplicates_leaks_and_conflicts(info: dict[str, Any]) -> None:
    assert info["duplicates"] == {
        "train": {"n": 2, "examples": [["train.csv:2", "train.csv:3"], ["train.csv:4", "train.csv:5"]]},
        "test": {"n": 0, "examples": []},
    }
    assert info["leaks"] == {
        "train/test": {"n": 2, "examples": [["train.csv:2", "test.csv:2"], ["train.csv:7", "test.csv:3"]]}
    }
    assert info["conflicts"] == {"n": 1, "examples": [["train.csv:7 (pos)", "test.csv:3 (neg)"]]}


def test_the_longest_and_the_rejected(info: dict[str, Any]) -> None:
    assert info["longest"][0] == {"id": "train.csv:6", "length": 9, "text": "so long a text that it is the longest"}
    assert info["rejected"] == {
        "n": 3,
        "reasons": {"the text is empty": 2, "too few fields": 1},
        "examples": [
            {"place": "train.csv:8", "reason": "the text is empty"},
            {"place": "train.csv:9", "reason": "too few fields (1; the header has 2)"},
            {"place": "train.csv:10", "reason": "the text is empty"},
        ],
    }


def test_it_is_plain_data(info: dict[str, Any]) -> None:
    assert json.loads(json.dumps(info)) == info


def test_the_lines_say_it(info: dict[str, Any]) -> None:
    assert "\n".join(render(info)) == RENDERED


def test_parts_once_cut_are_described_as_cut() -> None:
    info = describe(read("digits"), parts_of("digits"))
    assert {split: found["n"] for split, found in info["splits"].items()} == {"train": 1375, "valid": 153, "test": 269}
    assert info["unit"] == "tokens"
    assert info["splits"]["train"]["lengths"]["max"] == 64
    assert list(info["leaks"]) == ["train/valid", "train/test", "valid/test"]
    assert info["coverage"] is None


def test_many_labels_are_shortened_in_lines_alone(tmp_path: Path) -> None:
    counts = {f"l{number:02}": 80 - number for number in range(40)}
    fill(
        tmp_path, {"a.csv": _table([(f"{label} {n}", label) for label, count in counts.items() for n in range(count)])}
    )
    info = describe(read(tmp_path / "a.csv"))
    assert info["splits"]["all"]["labels"] == counts
    lines = render(info)
    table = lines[lines.index("") + 1 : lines.index("", lines.index("") + 1)]
    names = [line.split()[0] for line in table]
    assert names == ["label", *(f"l{n:02}" for n in range(16)), "…", *(f"l{n:02}" for n in range(32, 40)), "all"]
    assert table[17] == "… 16 labels between …"


def test_values_to_predict_have_a_distribution(tmp_path: Path) -> None:
    lines = ["text,price"] + [f"one word {k},{k / 4}" for k in range(41)] + ["no price,"]
    corpus = read(fill(tmp_path, {"prices.csv": "\n".join(lines) + "\n"}) / "prices.csv", on_bad_row="skip")
    targets = describe(corpus, has_targets=True)["targets"]
    assert targets["missing"] == 1
    told = targets["splits"]["all"]
    assert (told["n"], told["mean"], told["min"], told["25%"], told["50%"], told["max"]) == (41, 5.0, 0, 2.5, 5.0, 10.0)
    assert told["std"] == pytest.approx(np.std(np.arange(41) / 4))
    assert describe(corpus)["targets"] is None
