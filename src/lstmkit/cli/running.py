"""What `lab` and `train` do before and after their own work: the data, the folder, the screen."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch

from lstmkit.cli import terminal
from lstmkit.cli.screen import Screen
from lstmkit.config.schema import Config
from lstmkit.core.errors import Interrupted, RequestError
from lstmkit.core.names import STEPS
from lstmkit.experiment.folder import check_folder, default_folder, held_folder, is_finished, opened_folder
from lstmkit.experiment.machine import conditions, settle
from lstmkit.experiment.tasks import Task
from lstmkit.nn import choose_engine
from lstmkit.nn.engines import Cell

T = TypeVar("T")


def finished(config: Config, out: Path | None, resume: bool, protocol: dict[str, Any] | None = None) -> bool:
    """Whether the run to be resumed is finished, and so needs neither data nor training; it is said.

    Raises:
        RequestError: there is no run to resume, or another configuration began it.
    """
    if not resume:
        return False
    if out is None:
        raise RequestError("--resume needs to know the run; give its folder with --out")
    if not is_finished(out, config, protocol):
        return False
    terminal.note(f"{out}: this run is finished; report: {out / 'report.html'}")
    return True


@contextmanager
def running(
    task: Task[T],
    config: Config,
    out: Path | None,
    resume: bool,
    protocol: dict[str, Any] | None = None,
    *,
    cells: Sequence[Cell] = (),
    anyway: bool = False,
) -> Iterator[tuple[Path, T, Screen]]:
    """Check the request, open the run folder, load the data. Where the data are wrong, a folder begun is taken back.

    Args:
        task: what is learned.
        config, out, resume: as the command's options have them.
        protocol: of a comparison; see `opened_folder`. Its many networks have no epoch lines.
        cells: of the networks; none: the configuration's.
        anyway: whether to resume under other conditions than those noted.

    Raises:
        RequestError: the request, the folder or the data are wrong.
    """
    device = settle(config.run)
    engines = {cell: choose_engine(config.run.engine, cell, device.type) for cell in cells or (config.model.cell,)}
    now = conditions(engines, device, torch.get_num_threads())
    folder = out or default_folder(config.data.source, config.preset)
    screen = Screen(epochs=protocol is None)
    try:
        check_folder(folder, config, resume, protocol)  # before the folder is made or touched
        with held_folder(folder, screen.say):
            with opened_folder(folder, config, resume, now, screen.say, protocol, anyway):
                prepared = task.prepare(config, screen.on_fetch)
            screen.unit = STEPS[task.kind_of(prepared)]
            for line in task.told(prepared):
                screen.say(line)
            yield folder, prepared, screen
    except Interrupted as stop:
        stop.note = stop.note or f"what is written in {folder} is kept, --resume goes on from it"
        raise
    finally:
        screen.close()
