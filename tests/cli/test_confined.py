"""In a container: no home, no entry for the user, nothing writable but --out, other encodings than UTF-8."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_runs import SMALL, write_reviews

import lstmkit

pytestmark = pytest.mark.slow

LABELS = {"pos": "schön", "neg": "日本"}
OPTIONS = ["--epochs", "1", "--threads", "1", *SMALL]

# All is read-only but "$1". The user has no entry; he may read all, as who owns what is mounted into a container.
ENTER = """
set -e
mount --make-rprivate /
mount --bind "$1" /mnt
for place in /tmp /var/tmp /dev/shm "$2"; do
    mount --bind "$place" "$place"
    mount -o remount,ro,bind "$place"
done
mount --bind /mnt "$1"
cd /
shift 2
exec setpriv --reuid 54321 --regid 54321 --clear-groups --inh-caps +dac_read_search --ambient-caps +dac_read_search \
    env -i PATH=/usr/bin:/bin PYTHONPATH="$PYTHONPATH" PYTHONDONTWRITEBYTECODE=1 $VARIABLES "$@"
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reviews whose labels are in two scripts."""
    path = write_reviews(tmp_path_factory.mktemp("source") / "reviews.csv", n=60)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    lines = ["text,label", *(f"{row['text']},{LABELS[row['label']]}" for row in rows)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def command(*words: object, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run lstmkit as a program."""
    line = [sys.executable, "-m", "lstmkit", *map(str, words)]
    return subprocess.run(line, env={**os.environ, **variables}, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def trained(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "run"
    done = command("train", source, "--out", folder, *OPTIONS)
    assert done.returncode == 0, done.stderr
    return folder


def confined(out: Path, readable: Path, *words: object, variables: str = "") -> "subprocess.CompletedProcess[str]":
    """Run lstmkit as a user without an entry, to whom only `out` is writable."""
    out.mkdir(exist_ok=True)
    os.chown(out, 54321, 54321)
    line = ["unshare", "-m", "sh", "-c", ENTER, "sh", out, readable, sys.executable, "-m", "lstmkit", *words]
    home = str(Path(lstmkit.__file__).parents[1])
    return subprocess.run(
        [*map(str, line)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": home, "VARIABLES": variables},
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.mark.root
@pytest.mark.parametrize("variables", ["", "LC_ALL=C PYTHONCOERCECLOCALE=0 PYTHONUTF8=0", "HOME=/nonexistent"])
def test_nothing_is_writable_but_out(source: Path, trained: Path, tmp_path: Path, variables: str) -> None:
    out = tmp_path / "out"
    done = confined(out, source.parent, "train", source, "--out", out / "run", *OPTIONS, variables=variables)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert len([line for line in lines if line.startswith("cache: not kept for the next time (")]) == 1
    assert not [line for line in lines if "atplotlib" in line or "joblib" in line]
    assert (out / "run" / "report.html").stat().st_uid == 54321
    for name in ("model/model.safetensors", "predictions.jsonl"):
        assert (out / "run" / name).read_bytes() == (trained / name).read_bytes(), name
    told = confined(out, source.parent, "predict", out / "run", "the plot was dull", variables=variables)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["predicted"] in LABELS.values()


@pytest.mark.root
@pytest.mark.parametrize("words", [["lab", "--no-probe"], ["compare", "--seeds", "1", "--rates", "0.01"]])
def test_studies_where_nothing_is_writable_but_out(source: Path, tmp_path: Path, words: list[str]) -> None:
    out = tmp_path / "out"
    done = confined(out, source.parent, words[0], source, "--out", out / "it", *words[1:], *OPTIONS)
    assert done.returncode == 0, done.stderr
    assert (out / "it" / "report.html").exists()


@pytest.mark.root
def test_an_out_that_cannot_be_written_to_is_a_line(source: Path, tmp_path: Path) -> None:
    done = confined(tmp_path / "out", source.parent, "train", source, "--out", source.parent / "run", *OPTIONS)
    assert done.returncode == 2
    last = f"error: {source.parent / 'run'}: cannot be written to (Read-only file system)"
    assert done.stderr.splitlines()[-1] == last


ENCODINGS = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "Latin-1": {"PYTHONIOENCODING": "latin-1"},
    "the C locale": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "the C locale in UTF-8": {"LC_ALL": "C", "PYTHONIOENCODING": "utf-8"},
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_labels_that_the_terminal_cannot_show(encoding: str, trained: Path) -> None:
    line = [sys.executable, "-m", "lstmkit", "predict", str(trained), "fine film", "dull film"]
    done = subprocess.run(line, env={**os.environ, **ENCODINGS[encoding]}, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(row) for row in done.stdout.decode("latin-1" if encoding == "Latin-1" else "utf-8").splitlines()]
    assert [set(row["probabilities"]) for row in rows] == [set(LABELS.values())] * 2


@pytest.mark.parametrize("encoding", ["ascii", "Latin-1"])
def test_tables_of_labels_that_the_terminal_cannot_show(encoding: str, source: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lstmkit", "data", "info", str(source)],
        env={**os.environ, **ENCODINGS[encoding]},
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert b"\\u65e5\\u672c" in done.stdout
