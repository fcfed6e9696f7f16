"""Runs of the program that die at a chosen file-system event, as by SIGKILL or a power cut: run as a program.

It imports all once, then forks a process for each job: a line of JSON in, a line of JSON out. A job is
`{"arguments": [...], "cache": "...", "folder": "...", "kill": [kind, number] or null}`. Events are those that change
something in the folder, counted by kind (open, rename, mkdir, remove, rmdir) from 1; the process dies just before the
event. The answer is `{"status": ..., "output": "...", "events": [[kind, number, path], ...]}`; a killed process has the
status -9.
"""

import json
import os
import signal
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_KINDS = {"open": "open", "os.rename": "rename", "os.mkdir": "mkdir", "os.remove": "remove", "os.rmdir": "rmdir"}


def watch(folder: str, kill: list[Any] | None, events: Path) -> None:
    """Record each event in `events`, and die at the one chosen."""
    seen: Counter[str] = Counter()
    within = folder.rstrip("/") + "/"
    record = os.open(events, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        kind = _KINDS.get(event)
        if kind is None or (kind == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITING)):
            return
        if isinstance(arguments[0], int):
            return
        path = os.fsdecode(arguments[0])
        if kind in ("remove", "rmdir") and arguments[1] != -1:  # shutil.rmtree names a file by its folder's descriptor
            path = os.path.join(os.readlink(f"/proc/self/fd/{arguments[1]}"), path)  # noqa: PTH118, PTH115
        if not f"{path}/".startswith(within) or (kind == "mkdir" and os.path.lexists(path)):  # "make it if need be"
            return
        seen[kind] += 1
        if kill == [kind, seen[kind]]:
            os.kill(os.getpid(), signal.SIGKILL)
        os.write(record, json.dumps([kind, seen[kind], path]).encode() + b"\n")

    sys.addaudithook(hook)


def child(job: dict[str, Any], output: Path, events: Path) -> int:
    """Run one command line under watch."""
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.environ["LSTMKIT_CACHE"] = job["cache"]
    from lstmkit.cli.main import run

    watch(job["folder"], job["kill"], events)
    return run(job["arguments"])


def main() -> None:
    """Answer jobs until stdin ends."""
    # All that runs import is imported once, torch._dynamo above all, which torch's own optimizers import.

    from lstmkit.experiment.probe import plan

    sys.path.insert(0, str(Path(__file__).parents[1]))
    from small_evidence import shorten_evidence

    patch = pytest.MonkeyPatch()
    shorten_evidence(patch)
    patch.setattr(plan, "QUICK", replace(plan.QUICK, steps=4, hidden_size=4, n_valid=16, n_test=16, validate_every=2))
    for line in sys.stdin:
        with tempfile.TemporaryDirectory() as place:
            output, events = Path(place, "output"), Path(place, "events")
            process = os.fork()
            if process == 0:
                status = child(json.loads(line), output, events)
                sys.stdout.flush()
                os._exit(status)
            _, code = os.waitpid(process, 0)
            rows = [json.loads(row) for row in events.read_text().splitlines()] if events.exists() else []
            answer = {"status": os.waitstatus_to_exitcode(code), "output": output.read_text(), "events": rows}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
