"""A run folder: opened once, never written over, resumed only by the configuration that began it."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lstmkit.config.resolve import differences, load_config, to_toml
from lstmkit.config.schema import Config
from lstmkit.core.errors import LstmkitError, RequestError
from lstmkit.core.files import PARTIAL, path_fault, read_json, write_json, write_text

_LONGEST_NAME = 100  # characters; file systems allow 255 bytes
PROTOCOL = "protocol.json"  # of a comparison: what it was asked for beside the configuration


def default_folder(source: str, preset: str) -> Path:
    """`runs/<source>-<preset>-<UTC time>`, in the working folder."""
    path = Path(source)
    is_there = not path_fault(path) and path.exists()
    name = re.sub(r"[^\w.-]+", "_", path.resolve().stem if is_there else source)
    return Path("runs") / f"{name[:_LONGEST_NAME]}-{preset}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"


@contextmanager
def opened_folder(folder: Path, config: Config, resume: bool, protocol: dict[str, Any] | None = None) -> Iterator[None]:
    """Begin a run in a folder, or go on with the one that it holds; the block does what may still refuse the request.

    Args:
        folder: where the run lives; made if need be.
        config: the whole configuration, written first, so that a run killed at any moment can be resumed.
        resume: whether a run that is there may be continued.
        protocol: of a comparison, what it was asked for beside the configuration; written second.

    Raises:
        RequestError: the folder holds another run or other files; there is nothing to resume; the configuration that
            began the run was another. Nothing is written then; an error of the block takes back what was.
    """
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"{folder}: a file stands there; --out takes a folder")
    if resume:
        check_resumable(folder, config, protocol)
        if protocol is not None:
            write_json(folder / PROTOCOL, protocol)  # anew: a kill may have come before it
        yield
        return
    if (folder / "config.toml").exists():
        raise RequestError(f"{folder}: holds a run, which is never written over; add --resume, or choose another --out")
    existed = folder.exists()
    if existed and any(folder.iterdir()):
        raise RequestError(f"{folder}: holds other files; choose an empty or new folder with --out")
    write_text(folder / "config.toml", to_toml(config))
    try:
        if protocol is not None:
            write_json(folder / PROTOCOL, protocol)
        yield
    except LstmkitError:
        (folder / PROTOCOL).unlink(missing_ok=True)
        (folder / "config.toml").unlink()
        if not existed:
            folder.rmdir()
        raise


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
    """Note what data a run was begun with, or see that they are still the same; and sweep up what a kill left.

    Raises:
        RequestError: the data are others than those that the run was begun with.
    """
    for partial in list(folder.rglob(f".*{PARTIAL}")):  # written beside its place, never renamed: its writer was killed
        shutil.rmtree(partial) if partial.is_dir() else partial.unlink()
    record = folder / "checkpoints" / "data.json"
    if not record.exists():
        write_json(record, {"fingerprint": fingerprint})
    elif read_json(record)["fingerprint"] != fingerprint:
        raise RequestError(
            f"{folder}: the data have changed since this run was begun; put them back, or choose another --out"
        )


def same_data(folder: Path, fingerprint: str) -> bool:
    """Whether data are those that a run was begun with."""
    return read_json(folder / "checkpoints" / "data.json")["fingerprint"] == fingerprint


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
