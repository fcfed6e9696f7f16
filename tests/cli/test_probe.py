"""`lstmkit probe` on the command line: its table, its page, and refusals of one line that leave nothing behind."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from small_runs import Command
from test_bad_input import assert_refused, contents

QUICK = ["probe", "--quick", "--tasks", "recall", "--cells", "lstm", "--lags", "2,3", "--threads", "1"]
BAD = {
    "an unknown task": (["--tasks", "recal"], "task 'recal' is unknown; there are adding, temporal-order, recall"),
    "an empty list of tasks": (["--tasks", ""], "--tasks is empty; give one or more"),
    "an unknown cell": (["--cells", "transformer"], "cell 'transformer' is unknown; there are rnn, gru, lstm, chrono"),
    "a lag below the smallest": (["--lags", "5"], "--lags 5: temporal-order needs 10 steps or more"),
    "a lag above the longest": (["--lags", "2000"], "--lags 2000: above 1,000, the longest"),
    "a lag that is no number": (["--lags", "10,x"], "--lags x: not a whole number"),
    "an empty list of lags": (["--lags", ","], "--lags is empty"),
    "a seed that is no number": (["--seed", "x"], "Invalid value for '--seed'"),
    "an unknown engine": (["--engine", "fast"], "engine 'fast' is not one"),
    "an engine that cannot run every cell": (["--engine", "native"], "the native engine runs LSTMs alone"),
    "--resume without --out": (["--resume"], "--resume needs to know the probe; give its folder with --out"),
    "--resume of nothing": (["--resume", "--out", "none"], "none: no probe to resume (no plan.json)"),
    "an unknown option": (["--lag", "10"], "No such option: --lag"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_is_one_line_and_leaves_nothing(lstmkit: Command, name: str) -> None:
    options, message = BAD[name]
    done = lstmkit("probe", *options)
    assert_refused(done.status, done.err, message)
    assert done.out == ""
    assert list(Path().iterdir()) == []


def test_a_probe_from_the_command_to_its_page(lstmkit: Command, tmp_path: Path) -> None:
    folder = tmp_path / "probe"
    done = lstmkit(*QUICK, "--out", folder)
    assert done.status == 0, done.err
    assert done.out.splitlines() == [
        "",
        "longest lag solved  First-token recall",
        "LSTM                       3 or longer",
    ]
    lines = done.err.splitlines()
    assert [line.split()[:4] for line in lines[:2]] == [["recall", "LSTM", "lag", "2"], ["recall", "LSTM", "lag", "3"]]
    assert lines[-1] == f"report: {folder / 'report.html'}"
    assert json.loads((folder / "probe.json").read_text())["horizon"] == {"recall": {"lstm": 3}}

    # Drawn again from the records alone, without torch.
    kept = contents(folder)
    (folder / "report.html").unlink()
    for path in (folder / "plots").iterdir():
        path.unlink()
    script = (
        "import sys; from lstmkit.cli.main import run; status = run(sys.argv[1:]); "
        "sys.exit(status or ('torch' in sys.modules) * 9)"
    )
    again = subprocess.run(
        [sys.executable, "-c", script, "report", str(folder)], capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert again.stdout == f"{folder / 'report.html'}\n"
    assert contents(folder) == kept

    # Finished: resuming it does nothing, beginning it again is refused.
    done = lstmkit(*QUICK, "--out", folder, "--resume")
    assert done.status == 0
    assert "this probe is finished" in done.err
    done = lstmkit(*QUICK, "--out", folder)
    assert_refused(done.status, done.err, "holds a probe, which is never written over; add --resume")
    done = lstmkit(*QUICK, "--out", folder, "--seed", 4, "--resume")
    assert_refused(done.status, done.err, "was begun with another plan: seed (0 there, 4 here)")
    assert contents(folder) == kept


def test_a_folder_with_other_files_and_an_unfinished_probe(lstmkit: Command, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    done = lstmkit(*QUICK, "--out", tmp_path / "mine")
    assert_refused(done.status, done.err, "mine: holds other files")
    done = lstmkit(*QUICK, "--out", tmp_path / "mine" / "thesis.txt")
    assert_refused(done.status, done.err, "a file stands there; --out takes a folder")
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "plan.json").write_text("{}")
    done = lstmkit("report", tmp_path / "begun")
    assert_refused(done.status, done.err, "begun: the run is not finished; finish it with --resume")
