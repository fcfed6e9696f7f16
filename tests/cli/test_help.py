"""Help: quick, without torch, with an example for every command."""

import subprocess
import sys

import pytest
from small_runs import Command

COMMANDS = [
    ["lab"],
    ["train"],
    ["evaluate"],
    ["predict"],
    ["compare"],
    ["probe"],
    ["analyze"],
    ["explain"],
    ["report"],
    ["doctor"],
] + [["data", name] for name in ("list", "info", "fetch")]


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["train", "--help"], ["probe", "--help"], ["train", "x", "--epoch", "3"]]
)
def test_no_torch_for_help_and_usage_errors(arguments: list[str]) -> None:
    script = (
        "import sys; from lstmkit.cli.main import run; status = run(sys.argv[1:]); "
        "heavy = {'torch', 'numpy', 'rich', 'sklearn', 'matplotlib', 'tokenizers'}; "
        "heavy |= {'pydantic'} if sys.argv[1] == '--help' else set(); "  # else typer itself reads arguments with it
        "heavy &= set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_an_example(lstmkit: Command, command: list[str]) -> None:
    done = lstmkit(*command, "--help")
    assert done.status == 0
    assert "Example" in done.out
    assert f"lstmkit {' '.join(command)}" in done.out


def test_help_lists_every_command(lstmkit: Command) -> None:
    out = lstmkit("--help").out
    names = [
        "lab",
        "train",
        "evaluate",
        "predict",
        "compare",
        "probe",
        "analyze",
        "explain",
        "report",
        "data",
        "doctor",
    ]
    for command in names:
        assert f"  {command} " in out


def test_help_speaks_of_all_that_is_read(lstmkit: Command) -> None:
    for command in (["predict"], ["explain"], ["data", "info"]):
        words = " ".join(lstmkit(*command, "--help").out.split())
        assert "recording" in words or "channels" in words
        assert "series" in words or "channels" in words
    done = lstmkit("predict", "run")
    assert "recordings by their paths, series by --input alone" in done.err
