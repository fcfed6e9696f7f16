"""`docs/estimator.md` says what the code does."""

import re
from pathlib import Path

import pytest

from lstmkit.api.estimator import CHECKS_NOT_APPLICABLE

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
    assert len(BLOCKS) == 5
    assert len(re.findall(r"print\(.*\)  # ", PAGE)) == 3


def test_the_page_lists_the_checks_left_out() -> None:
    section = PAGE.partition("## scikit-learn's estimator checks")[2]
    assert dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE)) == CHECKS_NOT_APPLICABLE
