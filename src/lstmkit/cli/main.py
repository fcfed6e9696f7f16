"""The program: its commands, and the one place where an error becomes a line and an exit status."""

import os
import sys
import traceback
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

import lstmkit
from lstmkit.cli import analyze, compare, data, doctor, evaluate, explain, lab, predict, probe, report, train
from lstmkit.core.errors import Interrupted, LstmkitError
from lstmkit.core.signals import catching_signals

_UNHEARD = 128 + 13  # SIGPIPE, which ends cat or grep when their reader goes; Windows has no such name

_OUT_OF_MEMORY = "out of memory; try a smaller train.batch_size or encoder.max_length"
# torch has no class of error for the processor's memory, only these words.
_WORDS_OF_TORCH = ("DefaultCPUAllocator", "can't allocate memory", "not enough memory", "CUDA out of memory")
_LONGEST_LINE = 500  # characters of an error; data may stand in it
_END = 150  # of these at its end, where it says what to do

app = typer.Typer(
    help="Train, understand and ship LSTM sequence classifiers. `lstmkit lab digits` is a good start.",
    add_completion=False,
    rich_markup_mode=None,  # plain help: read by people and pipes alike, and quick
)
app.command("lab")(lab.lab)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("compare")(compare.compare)
app.command("probe")(probe.probe)
app.command("analyze")(analyze.analyze)
app.command("explain")(explain.explain)
app.command("report")(report.report)
app.add_typer(data.app, name="data")
app.command("doctor")(doctor.doctor)


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and end."),
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error; allowed anywhere."),
) -> None:
    """Train, understand and ship LSTM sequence classifiers. `lstmkit lab digits` is a good start."""
    if version:
        print(f"lstmkit {lstmkit.__version__}")  # noqa: T201
        raise typer.Exit
    if context.invoked_subcommand is None:
        context.fail("Missing command")


def run(arguments: Sequence[str]) -> int:
    """Run one command line and give its exit status: 0 done, 1 failed, 2 wrong request, 128 + a signal's number.

    The signal may be SIGPIPE: 141 where the reader of stdout has gone before all was written.
    """
    words = list(arguments)
    end = words.index("--") if "--" in words else len(words)
    debug = "--debug" in words[:end]
    words = [word for k, word in enumerate(words) if word != "--debug" or k > end]
    with catching_signals():
        try:
            return _flushed(app(words, prog_name="lstmkit", standalone_mode=False) or 0)
        except TyperException as error:
            return _fail(_usage(error), 2, debug)
        except LstmkitError as error:
            return _fail(str(error), error.exit_status, debug)
        except Interrupted as stop:
            print(f"stopped: {stop.note or 'no run was under way'}", file=sys.stderr)  # noqa: T201
            return stop.exit_status
        except BrokenPipeError:
            return _unheard()
        except SystemExit as end:
            if isinstance(end.__context__, BrokenPipeError):  # typer has caught it, and would end with 1
                return _unheard()
            raise
        except MemoryError:
            return _fail(_OUT_OF_MEMORY, 1, debug)
        except Exception as error:  # noqa: BLE001  (the last resort: a fault of lstmkit's own, still one line)
            if isinstance(error, RuntimeError) and any(words in str(error) for words in _WORDS_OF_TORCH):
                return _fail(_OUT_OF_MEMORY, 1, debug)
            return _fail(f"{type(error).__name__}: {error}; this is a fault in lstmkit, --debug shows where", 1, debug)


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


def _flushed(status: int) -> int:
    """Short output meets a closed pipe only now; later, Python would tell of it in its own way."""
    sys.stdout.flush()
    return status


def _unheard() -> int:
    """Who read our output has gone, as `head` does; there is nobody to tell. Python would complain while closing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _UNHEARD


def _fail(message: str, status: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    line = "error: " + " ".join(message.split())
    if len(line) > _LONGEST_LINE:
        line = f"{line[: _LONGEST_LINE - _END - 3]} … {line[-_END:]}"
    print(line, file=sys.stderr)  # noqa: T201
    return status


def _usage(error: TyperException) -> str:
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "lstmkit"
    return f"{message}; {command} --help lists what is allowed"
