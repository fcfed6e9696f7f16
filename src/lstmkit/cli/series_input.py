"""How `lstmkit predict` reads a file: as the run's own source is written, columns found as the run found its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lstmkit.artifact import find_model, read_model_record
from lstmkit.artifact.record import SeriesEncoding
from lstmkit.config.resolve import load_config, validate
from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import RequestError
from lstmkit.data.sources.inputs import Inputs, format_of
from lstmkit.data.sources.plan import DIALECT_KEYS, applying
from lstmkit.data.sources.series_inputs import series_in
from lstmkit.data.sources.ts import SUFFIX


def data_of(run: Path, path: Path, input_format: str | None, asked: Mapping[str, Any]) -> DataConfig:
    """Return how to read a file for a run's model: as the run's own source is written, but for what is asked.

    Args:
        run: a run or a model folder; of a model alone its description tells the dialect, and no columns.
        path: the file, or a folder.
        input_format: see `format_of`.
        asked: dialect keys of the configuration's section `data`.

    Raises:
        RequestError: a key does not apply to such a file.
    """
    model = find_model(run)
    config = model.parent / "config.toml"
    own = load_config(config).data.model_dump() if config.exists() else read_model_record(model).dialect
    if path.is_dir() or (input_format is None and path.suffix.lower() == SUFFIX):
        suffix = SUFFIX  # recordings, and numbers of one form: neither has a dialect
    else:
        suffix = f".{format_of(path, input_format)}"
    for key in asked:
        if key not in applying(suffix):
            option = "no-header" if key == "header" else key.replace("_", "-")
            raise RequestError(f"--{option} has no meaning for {path}, which is read without; leave it out")
    kept = {key: value for key, value in own.items() if key not in DIALECT_KEYS or key in applying(suffix)}
    return validate({"data": kept | dict(asked)}).data


def series_inputs(run: Path, path: Path, input_format: str | None, text_column: str | None, data: DataConfig) -> Inputs:
    """The series of a file or pipe, for a run's model.

    Args:
        run: the run or model folder.
        path: the file.
        input_format: `--input-format`.
        text_column: `--text-column`.
        data: how to read it; see `data_of`.

    Raises:
        RequestError: a column of texts is asked for, or the format has no series.
        DataError: the file cannot be read, or has not the model's channels.
    """
    if text_column:
        raise RequestError(f"{run}: reads numeric series, and --text-column {text_column} names texts; leave it out")
    about = read_model_record(find_model(run))
    if not isinstance(about.encoder, SeriesEncoding):
        raise RequestError(f"{run}: reads {about.encoder.kind}, and no series; give a run on series")
    return series_in(path, input_format, data, about.encoder.channels, about.interval_found)
