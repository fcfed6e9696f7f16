"""`lstmkit predict RUN --stream`: an answer after each line, while the sequence is still arriving."""

import json
import math
from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lstmkit.cli import terminal
from lstmkit.cli.forecasting import QUANTILE_NAMES
from lstmkit.cli.stream_lines import Pushed, lines_of_pushes, numbers_json, numbers_line, words_json

if TYPE_CHECKING:
    from lstmkit.stream import ForecastStream, Stream

FORMATS = ("lines", "jsonl")
_END = Pushed(0, None, is_end=True)


def predict_stream(
    run: Path,
    given: str | None,
    input_format: str | None,
    on_bad_row: str | None,
    decide: float | None,
    rate: float | None,
    threads: int | None,
    engine: str | None,
    refused: Mapping[str, Any],
) -> None:
    """Read lines, push each, and write a JSON line for it at once.

    Args:
        run, threads, engine, on_bad_row: the command's own.
        given: `--input`; None or -: the pipe.
        input_format: lines, the default, or jsonl.
        decide: `--decide`.
        rate: `--rate`.
        refused: what else the command was given that has no meaning here, by its name.

    Raises:
        RequestError: the request is wrong, or the model has no answer before the end of a sequence.
        DataError: a line cannot be used.
    """
    from lstmkit.config.resolve import validate
    from lstmkit.core.errors import DataError, RequestError

    if extra := [name for name, value in refused.items() if value]:
        raise RequestError(
            f"--stream reads lines and writes JSON lines to stdout, and {', '.join(extra)} came too; leave it out"
        )
    if decide is not None and not 0 < decide <= 1:
        raise RequestError(f"--decide {decide}: a probability is above 0 and at most 1; 0.95 is usual")
    if input_format not in (None, *FORMATS):
        raise RequestError(f"--input-format {input_format} has no lines to stream; there are {', '.join(FORMATS)}")
    skip = validate({"data": {"on_bad_row": on_bad_row or "fail"}}).data.on_bad_row == "skip"
    path = Path("/dev/stdin") if given in (None, "-") else Path(given)
    place = "stdin" if given in (None, "-") else given

    if threads:
        import torch

        torch.set_num_threads(threads)
    stream, kind, told = _opened(run, engine or "auto", decide, rate)
    is_json, is_sound = input_format == "jsonl", kind == "audio"
    of_numbers, of_words = (numbers_json, words_json) if is_json else (numbers_line, Pushed)
    parse = of_numbers if kind in ("series", "audio", "windows") else of_words
    n_ended, is_decided, has_begun = 0, False, False

    def tell(answer: Any, **more: bool) -> None:
        record = {"sequence": n_ended + 1, "step": stream.n_steps, **told(answer)}
        record |= ({} if decide is None else {"decided": is_decided}) | more
        terminal.data_line(json.dumps(record, ensure_ascii=False))
        terminal.flush()

    for pushed in chain(lines_of_pushes(path, parse, is_json), [_END] if is_sound else []):
        if pushed.is_end:
            if is_sound and has_begun and not is_decided:  # its last frames wait for the end
                answer = stream.finish()
                is_decided = decide is not None and bool(answer.max() >= decide)
                tell(answer, ended=True)
            n_ended += has_begun or stream.n_steps > 0
            is_decided = has_begun = False
            stream.reset()
            continue
        if is_decided:
            continue
        try:
            if pushed.fault:
                raise DataError(pushed.fault)
            step = _as_samples(pushed.step) if is_sound else pushed.step
            answer = stream.push(step)
            has_begun |= is_sound and bool(step)
        except RequestError as error:
            if not skip:
                raise DataError(
                    f"{place}:{pushed.line}: {error}; mend it, or leave such lines out with --on-bad-row skip"
                ) from error
            terminal.skipped(str(place), pushed.line, str(error))
            continue
        is_decided = decide is not None and bool(answer.max() >= decide)
        tell(answer, **({"ended": False} if is_sound else {}))


def _opened(
    run: Path, engine: str, decide: float | None, rate: float | None
) -> tuple["Stream | ForecastStream", str, Callable[[Any], dict[str, Any]]]:
    """A stream of the run's model, the kind of what it reads, and what a line says of an answer.

    Raises:
        RequestError: the model cannot be streamed, or an option is for another kind.
    """
    from lstmkit.api.predictor import load, load_classifier
    from lstmkit.artifact import find_model, kind_of_model, task_of
    from lstmkit.core.errors import RequestError

    kind = kind_of_model(run)
    if rate is not None and kind != "audio":
        reads = "series" if kind in ("series", "windows") else "text"
        raise RequestError(f"--rate is of the samples of recordings, and {run} reads {reads}; leave it out")
    if task_of(find_model(run)) == "forecast":
        if decide is not None:
            raise RequestError(f"--decide ends a sequence once a class is sure, and {run} forecasts; leave it out")
        return load(run, engine).stream(axes="ntc"), kind, _forecast
    axes = "ntc" if kind == "series" else None  # lines hold steps, whatever arrays the model was fitted on
    stream = load_classifier(run, engine).stream(rate=rate, axes=axes)
    return stream, kind, partial(_classes, stream.labels)


def _classes(labels: list[str], answer: Any) -> dict[str, Any]:
    """null for an answer that is not there yet."""
    best = int(answer.argmax())
    is_known = not math.isnan(answer[best])
    return {
        "predicted": labels[best] if is_known else None,
        "probability": float(answer[best]) if is_known else None,
        "probabilities": {n: float(p) for n, p in zip(labels, answer, strict=True)} if is_known else None,
    }


def _forecast(answer: Any) -> dict[str, Any]:
    """null for a forecast that is not there yet."""
    is_known = not math.isnan(answer[0, 0])
    return {"forecast": dict(zip(QUANTILE_NAMES, answer.T.tolist(), strict=True)) if is_known else None}


def _as_samples(numbers: Any) -> list[Any]:
    """Numbers of a line as a chunk of floating point; JSON writes a sample of silence as 0."""
    given = numbers if isinstance(numbers, list) else [numbers]
    return [[_sample(one) for one in each] if isinstance(each, list) else _sample(each) for each in given]


def _sample(value: Any) -> Any:
    """A sample; what is none is told by `push`."""
    return float(value) if type(value) is int and abs(value) < 2**31 else value
