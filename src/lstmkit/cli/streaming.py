"""`lstmkit predict RUN --stream`: an answer after each line, while the sequence is still arriving."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from lstmkit.stream import Stream

FORMATS = ("lines", "jsonl")


class Pushed(NamedTuple):
    """One line: what is pushed, None where the line is empty and ends a sequence; or why it cannot be."""

    line: int
    step: str | float | list[Any] | None
    fault: str = ""


_END = Pushed(0, None)


def predict_stream(
    run: Path,
    given: str | None,
    input_format: str | None,
    on_bad_row: str | None,
    decide: float | None,
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

    from lstmkit.api.predictor import load_classifier

    if threads:
        import torch

        torch.set_num_threads(threads)
    predictor = load_classifier(run, engine or "auto")
    stream, kind = predictor.stream(), predictor.kind
    is_json, is_sound = input_format == "jsonl", kind == "audio"
    parse = (
        (_series_json if is_json else _numbers) if kind in ("series", "audio") else (_from_json if is_json else Pushed)
    )
    n_ended, is_decided, has_begun = 0, False, False

    def tell(answer: Any, **more: bool) -> None:
        _write(n_ended + 1, stream, answer, ({} if decide is None else {"decided": is_decided}) | more)

    for pushed in chain(_lines(path, is_json, parse), [_END] if is_sound else []):
        if pushed.step is None and not pushed.fault:
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
            sys.stderr.write(f"skipped {place}:{pushed.line}: {error}\n")
            continue
        is_decided = decide is not None and bool(answer.max() >= decide)
        tell(answer, **({"ended": False} if is_sound else {}))


def _write(sequence: int, stream: "Stream", answer: Any, more: dict[str, bool]) -> None:
    """One line; null for an answer that is not there yet."""
    best = int(answer.argmax())
    known = stream.n_steps > 0
    record = {
        "sequence": sequence,
        "step": stream.n_steps,
        "predicted": stream.labels[best] if known else None,
        "probability": float(answer[best]) if known else None,
        "probabilities": {n: float(p) for n, p in zip(stream.labels, answer, strict=True)} if known else None,
    }
    sys.stdout.write(json.dumps(record | more, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _as_samples(numbers: Any) -> list[Any]:
    """Numbers of a line as a chunk of floating point; JSON writes a sample of silence as 0."""
    given = numbers if isinstance(numbers, list) else [numbers]
    return [[_sample(one) for one in each] if isinstance(each, list) else _sample(each) for each in given]


def _sample(value: Any) -> Any:
    """A sample; what is none is told by `push`."""
    return float(value) if type(value) is int and abs(value) < 2**31 else value


def _lines(path: Path, is_json: bool, parse: Callable[[int, str], Pushed]) -> Iterator[Pushed]:
    from lstmkit.data.sources.lines import lines_of
    from lstmkit.data.sources.plan import SourceFile

    for number, text, fault, detail in lines_of(SourceFile(path, path.name)):
        line = text.rstrip("\r\n")
        if fault:
            yield Pushed(number, None, fault + detail)
        elif not line or (is_json and not line.strip()):
            yield Pushed(number, None)
        else:
            yield parse(number, line)


def _from_json(number: int, line: str) -> Pushed:
    """A JSON line: a text, a token, a list of tokens, {"text": ...} or {"tokens": [...]}."""
    value, fault = _loaded(line)
    if fault:
        return Pushed(number, None, fault)
    if isinstance(value, dict):
        names = [name for name in ("text", "tokens") if name in value]
        if len(names) != 1:
            return Pushed(number, None, 'an object needs "text" or "tokens", one of the two')
        value = value[names[0]]
        if not isinstance(value, str if names[0] == "text" else list):
            return Pushed(
                number, None, f"{names[0]} is {value!r}, and should be a {'string' if names[0] == 'text' else 'list'}"
            )
    if value is None or isinstance(value, bool) or not isinstance(value, str | int | float | list):
        return Pushed(number, None, f"{line.strip()} is no text, token or list of tokens")
    return Pushed(number, value)


def _numbers(number: int, line: str) -> Pushed:
    """A line of numbers with commas, tabs or white space between: a step, or of one channel a step each."""
    from lstmkit.data.sources.gathered import number_of

    separator = next((one for one in (",", "\t") if one in line.strip(" ")), None) if line.strip() else None
    step: list[float] = []
    for cell in line.split(separator):
        try:
            step.append(number_of(cell))
        except ValueError:
            return Pushed(number, None, f"{cell.strip()!r} is no number; write numbers with commas between")
    return Pushed(number, step)


def _series_json(number: int, line: str) -> Pushed:
    """A JSON line: a number, a list of channels, a list of steps, or {"values": ...}; null where a value is missing."""
    value, fault = _loaded(line)
    if not fault and isinstance(value, dict):
        if "values" not in value:
            return Pushed(number, None, 'an object needs "values", the numbers of a step or a list of steps')
        value = value["values"]
    if not fault and (isinstance(value, bool) or not isinstance(value, int | float | list)):
        fault = f"{line.strip()} is no number and no list of numbers"
    return Pushed(number, None, fault) if fault else Pushed(number, value)


def _loaded(line: str) -> tuple[Any, str]:
    try:
        return json.loads(line), ""
    except (ValueError, RecursionError) as error:
        return None, f"not JSON ({error})"
