"""What `lstmkit explain` explains: a text, a pipe, a test example of the run, or a series of a file; and its label."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from lstmkit.artifact import find_model, read_model_record
from lstmkit.artifact.record import ModelRecord, SeriesEncoding
from lstmkit.config.resolve import load_config
from lstmkit.config.schema import Config, DataConfig
from lstmkit.core.errors import DataError, RequestError

_SHOWN_IDS = 3


class Given(NamedTuple):
    """An example: what the predictor takes, its id if it has one, its true label where that is known."""

    item: Any
    id: str = ""
    label: str | None = None

    @property
    def axes(self) -> Literal["ntc"] | None:
        """The axes of a series, which a file has by steps; None of other examples."""
        return "ntc" if getattr(self.item, "ndim", 0) == 2 else None


def given_input(run: Path, given: str | None, identity: str | None) -> Given:
    """The example that a command line names.

    Args:
        run: a run, a lab, or a model folder.
        given: INPUT: of a run on series a file that holds one, or any source; of one on recordings a recording; of
            others the text, or - for a pipe.
        identity: of --id: a test example of the run, or where a file of series is given one of those.

    Raises:
        RequestError: neither is given, or both to a run on texts; or no example has that id.
        DataError: the text is empty, or the file cannot be read, or its channels are not the model's.
    """
    about = read_model_record(find_model(run))
    if isinstance(about.encoder, SeriesEncoding):
        if given is None and identity is None:
            raise RequestError(
                "explain takes a file with a series, or --id of a test example; write explain RUN FILE, "
                "explain RUN FILE --id ID for one of several, or explain RUN --id ID"
            )
        if given is None:
            return _test_example(run, identity or "", "a file with a series")
        return _of_file(run, given, identity, about, about.encoder.channels)
    if about.encoder.kind == "audio":
        if (given is None) == (identity is None):
            raise RequestError(
                "explain takes a recording or --id, one of the two; write explain RUN yes.wav, or explain RUN --id ID"
            )
        return Given(Path(given), Path(given).name) if given else _test_example(run, identity or "", "a recording")
    if (given is None) == (identity is None):
        raise RequestError(
            "explain takes a text or --id, one of the two; "
            'write explain RUN "a text", explain RUN - for a pipe, or explain RUN --id ID'
        )
    if identity is not None:
        return _test_example(run, identity, "the text itself")
    text = _read_pipe() if given == "-" else given or ""
    if not text.strip():
        raise DataError("the text is empty; give a text with at least one token")
    return Given(text)


def _read_pipe() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8").strip("\r\n")
    except UnicodeDecodeError as error:
        raise DataError(f"stdin: not UTF-8 (byte {error.start + 1}); convert it, as with iconv -t utf-8") from error


def _config_of(run: Path) -> Config | None:
    path = find_model(run).parent / "config.toml"
    return load_config(path) if path.exists() else None


def _test_example(run: Path, identity: str, instead: str) -> Given:
    """A test example of a run by its id, with its true label."""
    from lstmkit.experiment.run_data import scored_part

    home, config = find_model(run).parent, _config_of(run)
    if config is None:
        raise RequestError(f"{run}: holds a model without data (no config.toml); give {instead} instead of --id")
    _, part = scored_part([home], config)
    for name, item, label in zip(part.ids, part.inputs, part.labels, strict=True):
        if str(name) == identity:
            return Given(item, identity, label)
    raise RequestError(
        f"--id {identity}: no test example of {run} is called so; they are named in {home / 'predictions.jsonl'}, "
        f"as {part.ids[0]}"
    )


def _of_file(run: Path, source: str, identity: str | None, about: ModelRecord, channels: Sequence[str]) -> Given:
    """A series of a file, with the columns that the run was trained on."""
    from lstmkit.data.sources import load_corpus
    from lstmkit.data.sources.channels import few, places_of
    from lstmkit.data.sources.times import check_interval

    config = _config_of(run)
    own = config.data if config else DataConfig.model_validate(about.dialect)
    data = own.model_copy(update={"source": source})
    corpus = load_corpus(data)
    if corpus.kind != "series":
        raise DataError(f"{source}: holds {corpus.kind}, and this model reads numeric series; give a file with one")
    check_interval(corpus.interval, about.interval_found, source)
    places = places_of(channels, corpus.channels, source)
    examples = [
        Given(item[:, places], str(name), label)
        for part in corpus.parts.values()
        for name, item, label in zip(part.ids, part.inputs, part.labels, strict=True)
        if identity is None or str(name) == identity
    ]
    if identity is not None and not examples:
        names = [str(part.ids[0]) for part in corpus.parts.values() if len(part)]
        raise RequestError(
            f"--id {identity}: no series of {source} is called so; they are called as {few(names, _SHOWN_IDS)}"
        )
    if len(examples) > 1:
        raise RequestError(
            f"{source}: holds {len(examples):,} series; say which with --id "
            f"({few([one.id for one in examples], _SHOWN_IDS)})"
        )
    return examples[0]
