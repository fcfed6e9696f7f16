"""What the program writes for people: the one place where stdout and stderr are written, and text is cleaned for them.

Data that another program reads (JSON lines, CSV) goes out by `data_line`, unchanged in value.
"""

import sys

from lstmkit.core.wording import clean, escaped, one_line, shortened


def note(line: str) -> None:
    """A line for people, on stderr."""
    sys.stderr.write(one_line(line) + "\n")


def skipped(where: str, line: int, reason: str) -> None:
    """A line that says what was left out of the input, and why."""
    note(shortened(f"skipped {where}:{line}: {reason}"))


def formulas(n: int) -> None:
    """Say how many cells of a CSV file a spreadsheet would run, where there are any."""
    if n:
        note(
            f"note: {n:,} cells begin with =, +, - or @, and a spreadsheet runs them as formulas; "
            "read the file as text, or write it with --quote-formulas"
        )


def error(message: str) -> None:
    """The line that a command ends with."""
    sys.stderr.write(shortened("error: " + one_line(" ".join(message.split()))) + "\n")


def trace(text: str) -> None:
    """A traceback, line by line."""
    sys.stderr.write(clean(text))


def result(text: str) -> None:
    """A line for people, on stdout at once; columns in it stay where they are."""
    sys.stdout.write(one_line(text) + "\n")
    sys.stdout.flush()


def data_line(json_text: str) -> None:
    """A line of JSON, on stdout."""
    sys.stdout.write(escaped(json_text).rstrip("\n") + "\n")


def flush() -> None:
    """Hand over what `data_line` has written."""
    sys.stdout.flush()
