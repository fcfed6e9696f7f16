"""A run folder: opened once, never written over, resumed only by the configuration that began it."""

import errno
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lstmkit.config.resolve import differences, load_config, to_toml
from lstmkit.config.schema import Config
from lstmkit.core.errors import ArtifactError, LstmkitError, RequestError, StorageError
from lstmkit.core.files import is_partial, read_json, sweep, within, write_json, write_text
from lstmkit.core.locks import locked

PROTOCOL = "protocol.json"  # of a comparison: what it was asked for beside the configuration
CONDITIONS = Path("checkpoints") / "machine.json"  # what a result depends on beside configuration and data
_LOCK = ".lock"
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


def default_folder(source: str, preset: str) -> Path:
    """`runs/<source>-<preset>-<UTC time>`, in the working folder."""
    name = re.sub(r"[^\w.-]+", "_", Path(source).resolve().stem if Path(source).exists() else source)
    return Path("runs") / f"{name}-{preset}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"


@contextmanager
def held_folder(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Keep every other process out of a run folder while the block runs.

    A killed process frees the folder at once. A folder that is made for this and empty at the end is removed.

    Args:
        folder: made if need be.
        say: told where the file system has no locks; then two processes are not kept apart.

    Raises:
        RequestError: another process works in it.
        StorageError: it cannot be written to.
    """
    existed = folder.exists()
    try:
        with ExitStack() as stack:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                is_held = stack.enter_context(locked(folder / _LOCK, wait=False))
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise StorageError(f"{folder}: cannot be written to ({error.strerror or error})") from error
                say(f"note: the file system of {folder} has no locks; start one process at a time in it")
                is_held = True
            if not is_held:
                raise RequestError(
                    f"{folder}: another lstmkit process works in it; wait until it ends, or choose another --out"
                )
            yield
    finally:
        if not existed:
            with suppress(OSError):  # it holds a run now
                folder.rmdir()


def check_new(folder: Path, begun_by: str, what: str) -> None:
    """See that a run can begin in a folder: it is empty, or holds only what a kill in the first write left.

    Args:
        folder: of `--out`.
        begun_by: the file that is written first.
        what: would be written over: a run or a probe.

    Raises:
        RequestError: it cannot.
    """
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"{folder}: a file stands there; --out takes a folder")
    if (folder / begun_by).exists():
        raise RequestError(
            f"{folder}: holds {what}, which is never written over; add --resume, or choose another --out"
        )
    if folder.exists() and not all(_is_left(path) for path in folder.iterdir()):
        raise RequestError(f"{folder}: holds other files; choose an empty or new folder with --out")


def check_folder(folder: Path, config: Config, resume: bool, protocol: dict[str, Any] | None = None) -> None:
    """See that a run can begin in a folder, or go on in it; nothing is written.

    Raises:
        RequestError: see `opened_folder`.
    """
    if resume:
        check_resumable(folder, config, protocol)
    else:
        check_new(folder, "config.toml", "a run")


@contextmanager
def opened_folder(
    folder: Path,
    config: Config,
    resume: bool,
    conditions: Mapping[str, Any],
    say: Callable[[str], None],
    protocol: dict[str, Any] | None = None,
    anyway: bool = False,
) -> Iterator[None]:
    """Begin a run in a folder, or go on with the one that it holds; the block does what may still refuse the request.

    What killed writers left half-written in it is removed.

    Args:
        folder: where the run lives, held by `held_folder`.
        config: the whole configuration, written first, so that a run killed at any moment can be resumed.
        resume: whether a run that is there may be continued.
        conditions: of `lstmkit.experiment.machine.conditions`; noted at the beginning.
        say: told what people should know.
        protocol: of a comparison, what it was asked for beside the configuration; written second.
        anyway: whether to go on under other conditions than those noted.

    Raises:
        RequestError: the folder holds another run or other files; there is nothing to resume; the configuration or the
            conditions that began the run were others. Nothing is written then; an error of the block takes back what
            was.
    """
    check_folder(folder, config, resume, protocol)
    if resume:
        check_conditions(folder, conditions, say, [folder / "config.toml", folder / PROTOCOL], anyway)
        sweep(folder)
        if protocol is not None:
            write_json(folder / PROTOCOL, protocol)  # again: a kill may have come before it
        yield
        return
    sweep(folder)
    write_text(folder / "config.toml", to_toml(config))
    try:
        if protocol is not None:
            write_json(folder / PROTOCOL, protocol)
        note_conditions(folder, conditions)
        yield
    except LstmkitError:
        (folder / CONDITIONS).unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            (folder / CONDITIONS).parent.rmdir()
        (folder / PROTOCOL).unlink(missing_ok=True)
        (folder / "config.toml").unlink()
        raise


def note_conditions(folder: Path, conditions: Mapping[str, Any]) -> None:
    """Note under which conditions a run begins."""
    write_json(folder / CONDITIONS, {"conditions": dict(conditions), "resumed_anyway": []})


def check_conditions(
    folder: Path, conditions: Mapping[str, Any], say: Callable[[str], None], first: list[Path], anyway: bool = False
) -> None:
    """See that a run goes on under the conditions that it began under: others give bits that no undisturbed run has.

    Args:
        folder: of a run that can be resumed.
        conditions: those of now.
        say: told where an older version noted none.
        first: what is written before the note.
        anyway: whether others are allowed; the change is noted, and `resumed_anyway` gives it.

    Raises:
        RequestError: they are others.
    """
    if not (folder / CONDITIONS).exists():
        if any(path.is_file() and path not in first and not _is_left(path) for path in folder.rglob("*")):
            say(
                f"warning: {folder}: begun by a version of lstmkit that noted no engine, threads or versions; if they "
                "are others now, the result is not that of an undisturbed run"
            )
        note_conditions(folder, conditions)
        return
    noted = _noted(folder)
    there = noted["conditions"]
    different = [key for key in {**there, **conditions} if there.get(key) != conditions.get(key)]
    if not different:
        return
    listed = ", ".join(
        f"{key.replace('_', ' ')} ({there.get(key, 'none')} there, {conditions.get(key, 'none')} here)"
        for key in different
    )
    if not anyway:
        raise RequestError(
            f"{folder}: was begun under other conditions: {listed}; the result would be that of no undisturbed run; "
            "restore them, or add --resume-anyway"
        )
    say(f"note: resumed under other conditions: {listed}; environment.json will say so")
    change = {
        "utc": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "there": {key: there.get(key) for key in different},
        "here": {key: conditions.get(key) for key in different},
    }
    record = {"conditions": dict(conditions), "resumed_anyway": [*noted["resumed_anyway"], change]}
    write_json(folder / CONDITIONS, record)


def resumed_anyway(folder: Path) -> dict[str, Any]:
    """What `environment.json` says of changed conditions: nothing, or `resumed_anyway`, the changes in their order.

    Args:
        folder: of a run. The note of a part is that of the lab or comparison above it.
    """
    noted = next((_noted(home) for home in (folder, *folder.parents[:2]) if (home / CONDITIONS).exists()), None)
    return {"resumed_anyway": noted["resumed_anyway"]} if noted and noted["resumed_anyway"] else {}


def _is_left(path: Path) -> bool:
    """Whether a kill leaves such a file or folder: it says nothing of a run."""
    return is_partial(path.name) or path.name == _LOCK


def _noted(folder: Path) -> dict[str, Any]:
    noted = read_json(folder / CONDITIONS)
    if (
        not isinstance(noted, dict)
        or not isinstance(noted.get("conditions"), dict)
        or not isinstance(noted.get("resumed_anyway"), list)
    ):
        raise ArtifactError(f"{folder / CONDITIONS}: damaged; restore it, or train again into a new folder")
    return noted


def open_part(folder: Path, config: Config) -> None:
    """Begin or go on with a run that is part of a larger one.

    Raises:
        RequestError: another configuration began it.
    """
    if (folder / "config.toml").exists():
        check_resumable(folder, config)
    else:
        write_text(folder / "config.toml", to_toml(config))


def is_finished(folder: Path, config: Config, protocol: dict[str, Any] | None = None) -> bool:
    """Whether a folder holds the finished run, lab or comparison of this request: its page is drawn last.

    Raises:
        RequestError: see `check_resumable`.
    """
    check_resumable(folder, config, protocol)
    return (folder / "report.html").exists()


def claim_data(folder: Path, fingerprint: str) -> None:
    """Note what data a run was begun with, or see that they are still the same.

    Raises:
        RequestError: the data are others than those that the run was begun with.
    """
    record = within(folder, "checkpoints") / "data.json"
    if not record.exists():
        write_json(record, {"fingerprint": fingerprint})
    elif _fingerprint_in(record) != fingerprint:
        raise RequestError(
            f"{folder}: the data have changed since this run was begun; put them back, or choose another --out"
        )


def same_data(folder: Path, fingerprint: str) -> bool:
    """Whether data are those that a run was begun with."""
    return _fingerprint_in(within(folder, "checkpoints") / "data.json") == fingerprint


def _fingerprint_in(record: Path) -> str:
    found = read_json(record)
    if not isinstance(found, dict) or not isinstance(found.get("fingerprint"), str):
        raise ArtifactError(f"{record}: damaged, it has no fingerprint of the data; restore it or train again")
    return found["fingerprint"]


def check_resumable(folder: Path, config: Config, protocol: dict[str, Any] | None = None) -> None:
    """See that a folder holds a run that this configuration began, or this configuration and protocol.

    Raises:
        RequestError: it does not.
    """
    if not (folder / "config.toml").exists():
        raise RequestError(f"{folder}: no run to resume (no config.toml); leave --resume out to begin one")
    if different := differences(load_config(folder / "config.toml"), config):
        raise RequestError(
            f"{folder}: was begun with another configuration: {', '.join(different)}; give the same, or another --out"
        )
    there = read_json(folder / PROTOCOL) if (folder / PROTOCOL).exists() else None
    if protocol is None and there is not None:
        raise RequestError(f"{folder}: holds a comparison; go on with it by lstmkit compare, or choose another --out")
    if protocol is None:
        return
    if there is None and any(path.name[0] != "." and path.name != "config.toml" for path in folder.iterdir()):
        raise RequestError(f"{folder}: holds a run that is no comparison; choose another --out")
    if there is not None and (different := [key for key in protocol if there.get(key) != protocol[key]]):
        listed = ", ".join(
            f"--{key} ({_shown(there.get(key))} there, {_shown(protocol[key])} here)" for key in different
        )
        raise RequestError(f"{folder}: was begun with another request: {listed}; give the same, or another --out")


def _shown(value: Any) -> str:
    return ",".join(f"{item:g}" for item in value) if isinstance(value, list) else str(value)
