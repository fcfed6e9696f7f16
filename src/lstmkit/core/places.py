"""Where libraries may write: in a container with a read-only file system, perhaps nowhere."""

import logging
import os
import tempfile
import warnings


def has_temporary_folder() -> bool:
    """Whether there is a folder for temporary files: `$TMPDIR`, `/tmp` and their likes, or the working folder."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        return False
    return True


def settle_libraries() -> None:
    """Have libraries do without the places that they look for when they are imported, where there are none."""
    if not has_temporary_folder():
        # torch makes this folder if need be, and writes to it when it compiles, which lstmkit never asks for.
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", os.sep)
    # matplotlib warns that it makes a folder of its own where there is no home folder. It is removed at the end.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    # Without shared memory joblib has one process, which is all that lstmkit uses.
    warnings.filterwarnings("ignore", message=".*joblib will operate in serial mode", category=UserWarning)
