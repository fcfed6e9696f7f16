"""What `lstmkit predict` reads with a run on series: a file of them, its columns found as the run found its own."""

from pathlib import Path

from lstmkit.artifact import find_model, read_model_record
from lstmkit.artifact.record import SeriesEncoding
from lstmkit.config.resolve import load_config
from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import RequestError
from lstmkit.data.sources.inputs import Inputs
from lstmkit.data.sources.series_inputs import series_in


def series_inputs(run: Path, path: Path, input_format: str | None, text_column: str | None) -> Inputs:
    """The series of a file or pipe, for a run's model.

    Raises:
        RequestError: a column of texts is asked for, or the format has no series.
        DataError: the file cannot be read, or has not the model's channels.
    """
    if text_column:
        raise RequestError(f"{run}: reads numeric series, and --text-column {text_column} names texts; leave it out")
    model = find_model(run)
    config = model.parent / "config.toml"
    data = load_config(config).data if config.exists() else DataConfig()
    about = read_model_record(model)
    if not isinstance(about.encoder, SeriesEncoding):
        raise RequestError(f"{run}: reads {about.encoder.kind}, and no series; give a run on series")
    return series_in(path, input_format, data, about.encoder.channels, about.interval_found)
