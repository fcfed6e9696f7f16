"""What a terminal shows: a bar with the run's time left on stderr; without a terminal, no bar."""

import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from small_runs import SMALL, write_reviews

from lstmkit.cli import screen
from lstmkit.cli.screen import Screen
from lstmkit.core.records import Epoch

BAR = re.compile(r"LSTM (\d)/3 \S+ +(\d+)/6 +loss \d\.\d{4} +[\d,]+ tokens/s +(\d+:\d\d:\d\d) left")
RECORD = Epoch(1, 0.5, 0.5, 0.5, 0.5, 0.001, 1.0, 1.0)


def test_a_terminal_shows_a_bar_and_stdout_stays_clean(tmp_path: Path) -> None:
    source = write_reviews(tmp_path / "reviews.csv")
    master, terminal = pty.openpty()
    command = [sys.executable, "-m", "lstmkit", "train", source, "--out", tmp_path / "run", "--epochs", "3", *SMALL]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=terminal, env=os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    )
    os.close(terminal)
    seen = b""
    while block := _read(master):
        seen += block
    os.close(master)
    out, _ = process.communicate(timeout=60)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode())
    assert process.returncode == 0, shown
    bars = BAR.findall(shown)
    assert [number for number in "123" if number in {epoch for epoch, *_ in bars}] == ["1", "2", "3"], shown
    assert bars[-1][1:] == ("6", "0:00:00"), "nothing is left after the last step"
    assert b"tokens/s" not in out
    assert b"\x1b" not in out
    assert out.count(b"Epoch ") == 3


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # Linux ends a terminal whose other side is closed with EIO
        return b""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    now = {"s": 100.0}
    monkeypatch.setattr(screen.time, "monotonic", lambda: now["s"])
    return now


def on_a_terminal() -> Screen:
    shown = Screen()
    shown._console = Console(file=io.StringIO(), force_terminal=True)
    return shown


def left_on(shown: Screen) -> str:
    bar = shown._bar
    assert bar is not None
    return bar.tasks[0].fields["about"].rpartition("tokens/s  ")[2]


def test_the_time_left_is_the_run_s(clock: dict[str, float]) -> None:
    shown = on_a_terminal()
    shown.on_model("lstm", 10, 4)
    clock["s"] += 10
    shown.on_step(1, 1, 10, 0.7, 100.0)
    assert left_on(shown) == "0:06:30 left"  # 39 steps of 10 s
    clock["s"] += 10
    for step in range(2, 11):
        shown.on_step(1, step, 10, 0.7, 100.0)
    assert left_on(shown) == "0:01:00 left"  # 30 steps of 2 s
    clock["s"] += 20  # validation
    shown.on_epoch(RECORD, [RECORD])
    shown.on_step(2, 1, 10, 0.7, 100.0)
    assert left_on(shown) == "0:01:45 left"  # 29 steps, 11 done in 40 s
    shown.close()


def test_the_steps_of_an_earlier_life_do_not_count(clock: dict[str, float]) -> None:
    shown = on_a_terminal()
    shown.on_model("lstm", 10, 2)
    clock["s"] += 5
    shown.on_step(2, 6, 10, 0.7, 100.0)
    assert left_on(shown) == "0:00:20 left"  # 4 steps of 5 s
    shown.close()


def test_what_is_read_is_called_what_it_is(clock: dict[str, float]) -> None:
    shown = on_a_terminal()
    shown.unit = "steps"
    shown.on_model("lstm", 10, 1)
    clock["s"] += 1
    shown.on_step(1, 1, 2, 0.7, 1234.0)
    assert shown._bar is not None
    assert "  1,234 steps/s  " in shown._bar.tasks[0].fields["about"]
    shown.close()
