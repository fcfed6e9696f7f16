"""A fitted estimator as a folder: the model's own, and one JSON file with what only the estimator knows."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
)

from lstmkit.core.errors import ArtifactError, RequestError
from lstmkit.core.files import digest_of, read_json, replacing_folder, within, write_json
from lstmkit.core.records import epoch_of

FORMAT = 1
MODEL = "model"


def write_estimator(folder: Path, name: str, state: dict[str, Any], save_model: Callable[[Path], None]) -> None:
    """Write the folder, whole or not at all.

    Args:
        folder: new, empty, or holding an estimator of the kind, which is replaced.
        name: of the JSON file, which tells the kind.
        state: plain data.
        save_model: writes the model into a folder.

    Raises:
        RequestError: a file stands there, or the folder holds something else.
    """
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"{folder}: a file stands there; save takes a folder")
    if folder.exists() and any(folder.iterdir()) and not (folder / name).exists():
        raise RequestError(
            f"{folder}: holds other files, and no {name}; save into a new folder, or one that holds a saved estimator"
        )
    about = {"format": FORMAT, **state}
    about["digest"] = digest_of(about)
    with replacing_folder(folder) as fresh:
        save_model(fresh / MODEL)
        write_json(fresh / name, about)


def read_estimator(folder: Path, name: str, kind: str, parameters: Collection[str]) -> dict[str, Any]:
    """Read the state back.

    Args:
        folder: as `write_estimator` left it.
        name: of the JSON file.
        kind: the estimator's class.
        parameters: names that its constructor knows.

    Raises:
        ArtifactError: no such estimator, or a file is damaged or of a newer format.
    """
    path = within(folder, name)
    if not path.exists():
        raise ArtifactError(f"{folder}: holds no saved {kind} ({name} is missing); lstmkit.load reads run folders")
    about = read_json(path)
    found = about.get("format") if isinstance(about, dict) else None
    if not isinstance(found, int) or isinstance(found, bool):
        raise ArtifactError(f"{path}: damaged, it has no format number; save the estimator again")
    if found > FORMAT:
        raise ArtifactError(f"{path}: format {found} is newer than this lstmkit reads ({FORMAT}); upgrade lstmkit")
    digest = about.pop("digest", None)
    try:
        is_same = digest == digest_of(about)
    except ValueError as error:
        raise ArtifactError(f"{path}: damaged, a text in it cannot be UTF-8; save the estimator again") from error
    if not is_same:
        raise ArtifactError(f"{path}: damaged or altered (its digest is another); save the estimator again")
    with described(path):
        record = _SavedState.model_validate(about)
    if unknown := sorted(set(record.parameters) - set(parameters)):
        raise ArtifactError(f"{path}: this lstmkit has no parameter {unknown[0]!r}; upgrade lstmkit")
    return about


@contextmanager
def described(path: Path) -> Iterator[None]:
    """A state in which something is missing, or is of another type, as an ArtifactError."""
    try:
        yield
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:  # its digest may be right: another wrote it
        reason = str(error).splitlines()[0]
        if isinstance(error, ValidationError):
            first = error.errors(include_url=False, include_context=False)[0]
            reason = f"{'.'.join(map(str, first['loc']))}: {' '.join(first['msg'].split())}"
        raise ArtifactError(f"{path}: damaged, it describes no estimator ({reason}); save it again") from error


class _Classes(BaseModel):
    """Labels as a NumPy array: booleans, numbers or strings."""

    dtype: Annotated[str, Field(pattern="^[<>|=]?([biuf][1-9][0-9]?|U[0-9]{1,5}|O)$")]
    values: list[StrictBool | StrictInt | StrictFloat | StrictStr]


class _SavedState(BaseModel):
    """What estimators keep beside their model; each has its own of these."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)

    parameters: dict[str, Any]
    config: Annotated[dict[str, Any], Field(min_length=1)]
    history: list[Annotated[Any, AfterValidator(epoch_of)]]
    best_epoch: Annotated[int, Field(ge=0)]
    classes: _Classes | None = None
    decisions: list[str] = []
    n_features_in: Annotated[int, Field(ge=1)] | None = None
    feature_names_in: list[str] = []
