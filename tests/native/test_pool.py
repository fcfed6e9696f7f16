"""The library's threads, its own and those of torch: the same bits and no hang, whatever the program does."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from native_kernels import needs_library

CHECKS = Path(__file__).with_name("pool_checks.py")
NAMES = (
    "the_threads_are_the_ones_asked_for",
    "results_do_not_depend_on_the_number_of_threads",
    "several_python_threads_at_once_get_the_same",
    "a_forked_child_computes_the_same",
    "forks_while_other_threads_compute",
    "other_python_threads_run_during_a_long_call",
    "a_call_from_within_the_runtime_s_parallel_region_ends",
    "gradients_with_a_state_depend_on_neither_threads_nor_a_fork",
)
MOST_S = 100  # about 3 s on an idle machine


@pytest.fixture(scope="module", params=["own", "torch"])
def lines(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What all checks printed, run once with the pool's own threads and once with torch's."""
    path = tmp_path_factory.mktemp("pool") / "printed"
    environment = {name: value for name, value in os.environ.items() if name != "LSTMKIT_THREADS"}
    if request.param == "own":
        environment["LSTMKIT_THREADS"] = "own"
    # Into a file, for a forked child that hangs would hold a pipe open; a session of its own, to end all of it.
    with path.open("w") as printed:
        process = subprocess.Popen(
            [sys.executable, str(CHECKS)],
            env=environment,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status: int | str = process.wait(MOST_S)
        except subprocess.TimeoutExpired:
            status = f"none: a hang, or more than {MOST_S} s"
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return [*path.read_text().splitlines(), f"exit status {status}"]


@needs_library
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("name", NAMES)
def test_threads(name: str, lines: list[str]) -> None:
    if name == NAMES[0] and not Path("/proc/self/task").is_dir():
        pytest.skip("this system does not list a process's threads in /proc")
    found = [line for line in lines if line.startswith(name)]
    assert len(found) == 1, lines
    assert found[0].startswith(f"{name} ok"), lines


def test_no_check_is_left_out() -> None:
    listed = CHECKS.read_text().split("CHECKS = [")[1].split("\n]")[0]
    assert sorted(re.findall(r"\b[a-z_]+_[a-z_]+\b", listed)) == sorted([*NAMES, "is_dir"])
