"""Each example runs as its first lines say, offline, and its model has learned what it is shown."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
SAYS = {
    "text": r"accuracy on 100 others: (0\.9\d|1\.00)\n.* not thin: good\n",
    "series": r"accuracy on 50 others: (0\.9\d|1\.00)\n\['left', 'right'\]\n",
    "speech": r"\['fall', 'rise'\]\n",
    "streaming": r"worn with 0\.9\d after [2-5]\d of 60 steps\n[\d,]+ bytes; the same answer: True\n",
    "forecast": r"month 12: .*\nmean error [0-4]\.\d\d; \d+ of 12 in the range\n",
}


def test_every_example_is_run() -> None:
    assert sorted(SAYS) == sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("name", SAYS)
def test_an_example(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert re.search(SAYS[name], done.stdout), done.stdout
