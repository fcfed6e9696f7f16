"""The data that a finished run was trained and scored on, found again and known to be the same."""

import math
from collections.abc import Callable, Iterable
from pathlib import Path

from lstmkit.config.schema import Config
from lstmkit.core.errors import DataError, RequestError
from lstmkit.core.files import within
from lstmkit.data.sources import CATALOGUE, Corpus, Part, cut, load_corpus
from lstmkit.experiment.folder import same_data
from lstmkit.report.records import read_predictions


def corpus_of(home: Path, config: Config) -> Corpus:
    """The corpus of a run.

    Args:
        home: the run folder.
        config: the run's.

    Raises:
        RequestError: the run does not classify.
        DataError: it cannot be read; where the run named it by a relative path, the message says so.
    """
    if config.task.goal != "classify":
        raise RequestError(f"{home}: its task is {config.task.goal}, and this is for classifiers; give another run")
    source = Path(config.data.source).expanduser()
    if config.data.source not in CATALOGUE and not source.is_absolute() and not source.exists():
        raise DataError(
            f"{source}: no such file or folder from here; {home} names its data by this path, relative to the folder "
            "in which the run was made; work in that folder"
        )
    return load_corpus(config.data)


def scored_part(homes: Iterable[Path], config: Config) -> tuple[Corpus, Part]:
    """The corpus of one run, or of several on the same data, and the test part as they were scored on it.

    Args:
        homes: the run folders; one at least.
        config: of one of them: source and split are those of all.

    Raises:
        DataError: the data are gone, or are not those that a run was trained on.
        ArtifactError: there is neither a fingerprint of the data in a run nor its predictions.
    """
    homes = list(homes)
    corpus = corpus_of(homes[0], config)
    test = cut(corpus, config.data, config.split_seed)["test"]
    for home in homes:
        _check(home, corpus, test)
    return corpus, test


def _check(home: Path, corpus: Corpus, test: Part) -> None:
    """See that the data are those of the run: by their fingerprint, or where that is gone by the examples scored."""
    record = within(home, "checkpoints") / "data.json"
    if record.exists():
        same = same_data(home, corpus.fingerprint)
    else:
        scored = [(row.id, row.label) for row in read_predictions(home)]
        same = scored == list(zip(test.ids, test.labels, strict=True))
    if not same:
        raise DataError(
            f"{home}: the data of {corpus.name} have changed since this run was trained; put them back, or train again"
        )


def agrees(measure: str, before: float, found: float, shown: str, say: Callable[[str], None]) -> bool:
    """Whether a run scored again gives what its `evaluation.json` holds, up to the rounding of float32; it is said.

    Args:
        measure: its name.
        before, found: its value in the record, and now.
        shown: the format in which one reads it.
        say: told in a line.
    """
    if math.isclose(before, found, rel_tol=1e-5):
        say(f"the {measure} agrees with evaluation.json ({before:{shown}})")
        return True
    say(f"the {measure} DIFFERS from evaluation.json: {before:{shown}} there, {found:{shown}} here")
    return False
