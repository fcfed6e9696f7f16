"""A whole probe in its folder: begun, killed at any moment, resumed, finished; several networks at once."""

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import torch

from lstmkit.core.errors import RequestError
from lstmkit.core.files import read_json, sweep, write_json
from lstmkit.data.tasks import TASKS
from lstmkit.experiment.folder import check_conditions, check_new, held_folder, note_conditions, resumed_anyway
from lstmkit.experiment.machine import conditions, environment
from lstmkit.experiment.probe.ladder import Ladder, Listener, record_of
from lstmkit.experiment.probe.network import Stopped
from lstmkit.experiment.probe.plan import CELLS, Plan
from lstmkit.nn import EngineChoice, choose_engine
from lstmkit.report import draw_probe

_PLAN = "plan.json"
_COSTLIEST_FIRST = ("gru", "chrono", "lstm", "rnn")  # what takes longest must not be left over for the end


def default_probe_folder() -> Path:
    """`runs/probe-<UTC time>`, in the working folder."""
    return Path("runs") / f"probe-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"


def is_finished(folder: Path, plan: Plan) -> bool:
    """Whether a folder holds the finished probe of this plan: its page is drawn last.

    Raises:
        RequestError: it holds no probe, or one of another plan.
    """
    _check_resumable(folder, plan)
    return (folder / "report.html").exists()


def run_probe(
    folder: Path, plan: Plan, listener: Listener, *, resume: bool = False, anyway: bool = False, n_at_once: int = 0
) -> dict[str, Any]:
    """Measure every task and cell of a plan; a probe that was cut short goes on, and trains no network twice.

    Every network runs on one thread, so that the numbers do not depend on how many are trained at once.

    Args:
        folder: gets `plan.json` first, `networks/` as they are trained, at last `probe.json`, plots and `report.html`.
        plan: what is asked.
        listener: shown how it goes, from several threads.
        resume: whether a probe that is there may be continued.
        anyway: whether it may be under other conditions than it was begun; see `check_conditions`.
        n_at_once: networks trained at the same time; 0: as many as torch has threads.

    Returns:
        The content of `probe.json`.

    Raises:
        RequestError: the folder holds something else, or a probe of another plan; another process works in it; the
            engine cannot run a cell.
    """
    engines = {cell: choose_engine(plan.engine, CELLS[cell]) for cell in plan.cells}
    _check(folder, plan, resume)
    with held_folder(folder, listener.say):
        _open(folder, plan, resume, conditions(engines, torch.device("cpu"), 1), listener.say, anyway)
        return _run(folder, plan, engines, listener, resume, n_at_once)


def _run(
    folder: Path, plan: Plan, engines: Mapping[str, EngineChoice], listener: Listener, resume: bool, n_at_once: int
) -> dict[str, Any]:
    started = datetime.now(UTC)
    n_at_once = n_at_once or torch.get_num_threads()  # as many as the processor's cores that torch would use
    pairs = [(task, cell) for cell in _COSTLIEST_FIRST if cell in plan.cells for task in plan.tasks]
    stop = Event()
    ladders = [Ladder(folder / "networks", TASKS[task], cell, plan, listener, stop.is_set) for task, cell in pairs]
    curves = dict(zip(pairs, _climb(ladders, n_at_once, stop), strict=True))
    record = record_of(plan, {task: {cell: curves[task, cell] for cell in plan.cells} for task in plan.tasks})
    write_json(folder / "probe.json", record)
    about = environment(torch.device("cpu"), engines[plan.cells[0]], plan.seed, {}, started)
    about["engine"] = {cell: {"name": engine.name, "reason": engine.reason} for cell, engine in engines.items()}
    if resume:  # what passed before, and how long nothing was done, is not known
        about["seconds_since_resumed"] = about.pop("wall_seconds")
        about["resumed_utc"] = about["started_utc"]
        begun = datetime.fromtimestamp((folder / _PLAN).stat().st_mtime, UTC)
        about["started_utc"] = begun.isoformat(timespec="seconds")
    about |= {"threads": 1, "networks_at_once": n_at_once} | resumed_anyway(folder)
    write_json(folder / "environment.json", about)
    draw_probe(folder)
    return record


def _climb(ladders: list[Ladder], n_at_once: int, stop: Event) -> list[list[dict[str, Any]]]:
    pool = ThreadPoolExecutor(n_at_once, "probe", lambda: torch.set_num_threads(1))
    try:
        futures = [pool.submit(ladder.climb) for ladder in ladders]
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        for future in done:
            if (error := future.exception()) and not isinstance(error, Stopped):
                raise error
        return [future.result() for future in futures]
    finally:  # an error or a signal: the others end at their next step
        stop.set()
        pool.shutdown(cancel_futures=True)


def _check(folder: Path, plan: Plan, resume: bool) -> None:
    if resume:
        _check_resumable(folder, plan)
    else:
        check_new(folder, _PLAN, "a probe")


def _open(
    folder: Path, plan: Plan, resume: bool, now: Mapping[str, Any], say: Callable[[str], None], anyway: bool
) -> None:
    """Begin a probe in a folder, or go on with the one that it holds; what a kill left half-written is swept up."""
    _check(folder, plan, resume)
    if resume:
        check_conditions(folder, now, say, [folder / _PLAN], anyway)
    sweep(folder)
    if not resume:
        write_json(folder / _PLAN, plan.as_json())
        note_conditions(folder, now)


def _check_resumable(folder: Path, plan: Plan) -> None:
    if not (folder / _PLAN).exists():
        raise RequestError(f"{folder}: no probe to resume (no {_PLAN}); leave --resume out to begin one")
    there, here = read_json(folder / _PLAN), plan.as_json()
    different = [key for key, value in here.items() if there.get(key) != value]
    if different:
        words = [f"{key} ({there.get(key)!r} there, {here[key]!r} here)" for key in different]
        raise RequestError(
            f"{folder}: was begun with another plan: {', '.join(words)}; give the same, or another --out"
        )
