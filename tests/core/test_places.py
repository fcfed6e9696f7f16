"""Libraries that look for a place to write to are imported where there is none."""

import os
import subprocess
import sys
import tempfile

import pytest

from lstmkit.core.places import has_temporary_folder, settle_libraries


def test_where_a_temporary_folder_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert has_temporary_folder()
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    settle_libraries()
    assert "TORCHINDUCTOR_CACHE_DIR" not in os.environ


@pytest.mark.parametrize(("own", "found"), [(None, os.sep), ("/own", "/own")])
def test_where_none_is(monkeypatch: pytest.MonkeyPatch, own: str | None, found: str) -> None:
    def nowhere() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", own or "")
    if own is None:
        monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
    assert not has_temporary_folder()
    settle_libraries()
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == found


SCRIPT = """
import os, sys, tempfile

def nowhere():
    raise FileNotFoundError(2, "No usable temporary directory found")

tempfile._get_default_tempdir = nowhere
make = tempfile.mkdtemp
import lstmkit.report
from matplotlib.figure import Figure

assert tempfile.mkdtemp is make
assert os.environ.get("MPLCONFIGDIR") == (sys.argv[1] or None), os.environ.get("MPLCONFIGDIR")
Figure().savefig(os.devnull, format="png")
"""


@pytest.mark.parametrize("own", ["", "/dev/null/own"])
def test_matplotlib_is_imported_without_a_place(own: str) -> None:
    """Neither home nor configuration folder nor temporary folder can be written to, whoever the user is."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "MPL"))}
    variables |= {"HOME": "/dev/null"} | ({"MPLCONFIGDIR": own} if own else {})
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, own], env=variables, capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
