"""`docs/estimator.md` says what the code does."""

import inspect
import re
from pathlib import Path

import pytest

from lstmkit import SequenceClassifier
from lstmkit.api.estimator import CHECKS_NOT_APPLICABLE
from lstmkit.api.parameters import PARAMETER_KEYS
from lstmkit.config.resolve import resolve

PAGE = (Path(__file__).parents[2] / "docs" / "estimator.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_each_block_runs(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "docs/estimator.md", "exec"), {"__name__": "__main__"})  # noqa: S102
    printed = capsys.readouterr().out.splitlines()
    promised = re.findall(r"print\(.*\)  # (.+)$", block, re.MULTILINE)
    assert [line for line in printed if line in promised] == promised


def test_the_page_holds_blocks_and_promises() -> None:
    assert len(BLOCKS) == 6
    assert len(re.findall(r"print\(.*\)  # ", PAGE)) == 5


def test_the_page_says_how_the_defaults_differ_from_preset_lab() -> None:
    rows = re.findall(r"^\| `(\w+)`(, of series)? \| ([\d.]+) \| (.+) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 3
    for kind in ("text", "tokens", "series"):
        lab = resolve(preset="lab", kind=kind).model_dump()
        own = inspect.signature(SequenceClassifier).parameters
        keys = {name: key.split(".") for name, key in PARAMETER_KEYS.items() if name != "class_weight"}
        found = {
            name: (own[name].default, lab[section][leaf])
            for name, (section, leaf) in keys.items()
            if own[name].default != lab[section][leaf]
        }
        said = {name: (float(mine), other) for name, only, mine, other in rows if not only or kind == "series"}
        assert {name: mine for name, (mine, _) in found.items()} == {name: mine for name, (mine, _) in said.items()}
        for name, (_, other) in found.items():
            assert said[name][1] == ("found from the number of examples" if name == "batch_size" else str(other))


def test_the_page_lists_the_checks_left_out() -> None:
    section = PAGE.partition("## scikit-learn's estimator checks")[2]
    assert dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE)) == CHECKS_NOT_APPLICABLE
