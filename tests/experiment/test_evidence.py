"""What a lab gathers: which examples it explains, and what becomes of a part that fails."""

import json
from pathlib import Path
from typing import Any

import pytest

from lstmkit.core.errors import DataError
from lstmkit.data.sources import Part
from lstmkit.experiment import evidence
from lstmkit.experiment.evidence import chosen, gather


def rows(*confidences: tuple[bool, float]) -> list[dict[str, Any]]:
    return [
        {"id": f"t:{k}", "label": "a", "predicted": "a" if right else "b", "probability": p}
        for k, (right, p) in enumerate(confidences)
    ]


def test_the_right_one_of_median_confidence_and_the_surest_wrong_one() -> None:
    found = chosen(rows((True, 0.9), (False, 0.6), (True, 0.5), (False, 0.8), (True, 0.7), (False, 0.8), (True, 0.99)))
    assert found["right"]
    assert found["right"]["id"] == "t:4"  # of four the lower of the two in the middle
    assert found["wrong"]
    assert found["wrong"]["id"] == "t:3"  # of two equally sure the first


def test_where_all_is_right_or_wrong_there_is_no_other() -> None:
    assert chosen(rows((True, 0.9)))["wrong"] is None
    assert chosen(rows((False, 0.9)))["right"] is None


def test_a_part_that_fails_is_left_out_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise DataError("the data have changed")

    for name in ("_analyse", "_remember", "_explain"):
        monkeypatch.setattr(evidence, name, fail)
    (tmp_path / "lstm").mkdir()
    lines = [json.dumps(row) for row in rows((True, 0.9), (True, 0.8))]
    (tmp_path / "lstm" / "predictions.jsonl").write_text("\n".join(lines) + "\n")
    said: list[str] = []
    found = gather(tmp_path, Part([], [], []), 0, said.append)
    parts = ["gradients and gates", "memory horizon", "an example that is right"]
    assert [gap for gap in found["left_out"] if gap["reason"] == "the data have changed"] == [
        {"part": part, "reason": "the data have changed"} for part in parts
    ]
    assert found["left_out"][-1]["reason"] == "no test example was classified wrongly"
    assert said == [f"left out: {part}: the data have changed" for part in parts]
    assert found == json.loads((tmp_path / "evidence.json").read_text())


def test_a_probe_that_is_not_wanted_is_left_out_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def probed(*_: Any) -> None:
        raise AssertionError("the probe runs")

    monkeypatch.setattr(evidence, "_analyse", lambda *_: None)
    monkeypatch.setattr(evidence, "_remember", probed)
    (tmp_path / "lstm").mkdir()
    (tmp_path / "lstm" / "predictions.jsonl").write_text("")
    found = gather(tmp_path, Part([], [], []), 0, lambda line: None, probe=False)
    assert found["left_out"][0] == {"part": "memory horizon", "reason": "--no-probe"}
