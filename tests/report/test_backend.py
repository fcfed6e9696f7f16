"""matplotlib's backend is the user's: a command needs none, and Python keeps what it had."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest
from fake_records import write_run
from matplotlib.figure import Figure

from lstmkit.report.style import house_style, save


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "tkagg", "nonsense", ""])
def test_a_command_draws_whatever_backend_a_notebook_has_set(tmp_path: Path, backend: str) -> None:
    folder = write_run(tmp_path / "run")
    command = [sys.executable, "-m", "lstmkit", "report", folder]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"MPLBACKEND": backend}, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "plots" / "loss.png").stat().st_size > 1000


def test_drawing_from_python_leaves_the_backend_alone(tmp_path: Path) -> None:
    before = mpl.rcParams._get("backend")
    mpl.rcParams["backend"] = "svg"
    try:
        with house_style():
            figure = Figure()
            figure.add_subplot().plot([1, 2])
            save(figure, tmp_path, "line")
        assert mpl.rcParams["backend"] == "svg"
        assert "matplotlib.pyplot" not in sys.modules or mpl.get_backend() == "svg"
    finally:
        mpl.rcParams._set("backend", before)
