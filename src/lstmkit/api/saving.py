"""A fitted estimator as a folder: the model's own, and one JSON file with what only the estimator knows."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from lstmkit.artifact import Artifact, load_artifact, save_artifact
from lstmkit.core.errors import ArtifactError, RequestError
from lstmkit.core.files import digest_of, read_json, replacing_folder, write_json
from lstmkit.data.encoding import AnyEncoder
from lstmkit.models import Classifier

FORMAT = 1
_ABOUT, _MODEL = "estimator.json", "model"
_LABEL_KINDS = "biufUO"  # booleans, integers, floats, fixed and free strings


def write_estimator(
    folder: Path,
    state: dict[str, Any],
    classes: np.ndarray,
    network: Classifier,
    architecture: dict[str, Any],
    encoder: AnyEncoder,
) -> None:
    """Write the folder, whole or not at all.

    Args:
        folder: new, empty, or holding an estimator, which is replaced.
        state: plain data.
        classes: the labels, in their own dtype.
        network, architecture, encoder: see `lstmkit.artifact.save_artifact`.

    Raises:
        RequestError: a file stands there, or the folder holds something else.
    """
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"{folder}: a file stands there; save takes a folder")
    if folder.exists() and any(folder.iterdir()) and not (folder / _ABOUT).exists():
        raise RequestError(f"{folder}: holds other files; save into a new folder, or one that holds a saved estimator")
    values = classes.tolist()
    about = {"format": FORMAT, "classes": {"dtype": classes.dtype.str, "values": values}, **state}
    about["digest"] = digest_of(about)
    with replacing_folder(folder) as fresh:
        save_artifact(fresh / _MODEL, network, architecture, encoder, [str(value) for value in values])
        write_json(fresh / _ABOUT, about)


def read_estimator(folder: Path, parameters: Collection[str]) -> tuple[dict[str, Any], np.ndarray, Artifact]:
    """Read the folder back: the state, the labels in their own dtype, the model.

    Args:
        folder: as `write_estimator` left it.
        parameters: names that the constructor knows.

    Raises:
        ArtifactError: no saved estimator, or a file is damaged or of a newer format.
    """
    path = folder / _ABOUT
    if not path.exists():
        raise ArtifactError(
            f"{folder}: holds no saved SequenceClassifier ({_ABOUT} is missing); lstmkit.load reads run folders"
        )
    about = read_json(path)
    found = about.get("format") if isinstance(about, dict) else None
    if not isinstance(found, int):
        raise ArtifactError(f"{path}: damaged, it has no format number; save the estimator again")
    if found > FORMAT:
        raise ArtifactError(f"{path}: format {found} is newer than this lstmkit reads ({FORMAT}); upgrade lstmkit")
    digest = about.pop("digest", None)
    if digest != digest_of(about):
        raise ArtifactError(f"{path}: damaged or altered (its digest is another); save the estimator again")
    try:
        classes = np.array(about["classes"]["values"], dtype=np.dtype(about["classes"]["dtype"]))
        engine = about["config"]["run"]["engine"]
        unknown = sorted(set(about["parameters"]) - set(parameters))
    except (KeyError, TypeError, ValueError) as error:  # the digest is right, so a program wrote it, but not this one
        reason = str(error).splitlines()[0]
        raise ArtifactError(f"{path}: damaged, it describes no estimator ({reason}); save it again") from error
    if unknown:
        raise ArtifactError(f"{path}: this lstmkit has no parameter {unknown[0]!r}; upgrade lstmkit")
    artifact = load_artifact(folder / _MODEL, engine)
    if classes.dtype.kind not in _LABEL_KINDS or [str(value) for value in classes.tolist()] != artifact.labels:
        raise ArtifactError(f"{path}: its labels are not those of {_MODEL}/; save the estimator again")
    return about, classes, artifact
