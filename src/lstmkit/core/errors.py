"""The errors a user can meet, each with the exit status that it ends the command with.

Every message is one line: what came; what is allowed; what to do.
"""


class LstmkitError(Exception):
    """Something failed that is not the request's fault. Exit status 1."""

    exit_status = 1


class RequestError(LstmkitError):
    """The request is wrong: an option, a configuration key, an output folder. Exit status 2."""

    exit_status = 2


class DataError(RequestError):
    """The data are wrong; the message names file and line where there are any. Exit status 2."""


class ArtifactError(RequestError):
    """A run or model folder is absent, damaged, or from another format. Exit status 2."""


class StorageError(LstmkitError):
    """A file could not be written: a full disk, no permission. Exit status 2: another place or room mends it."""

    exit_status = 2


class AxesWarning(UserWarning):
    """An array or list of series has two likely readings; `axes=` says which one is meant."""


class TrainingError(LstmkitError):
    """Training cannot go on, as when the loss is not finite. Exit status 1."""


class Interrupted(BaseException):
    """The process was asked to stop by a signal. Exit status 128 + the signal's number."""

    def __init__(self, signal_number: int, note: str = "") -> None:
        super().__init__(note)
        self.signal_number = signal_number
        self.note = note

    @property
    def exit_status(self) -> int:
        """What a shell expects of a process that this signal ended."""
        return 128 + self.signal_number
