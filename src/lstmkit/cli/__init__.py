"""One file per command: parse, call, print. torch is imported within commands, never by `--help`."""

from lstmkit.cli.main import main

__all__ = ["main"]
