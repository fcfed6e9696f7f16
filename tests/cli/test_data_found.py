"""What `lstmkit data info --json` says of a source."""

import json
from pathlib import Path
from typing import Any

import pytest
from small_runs import Command

LONG = "\n".join(
    ["machine,tick,volt,amp,note,state"]
    + [f"m{k},{t},{t * k},{t % 3},{'' if t else '5'},{'ok' if k % 2 else 'worn'}" for k in range(24) for t in range(6)]
)
TEXTS = "\n".join(["id,review,stars", *(f"{k},film number {k} was fine,{k % 2}" for k in range(40))])
FORECAST = "\n".join(["day,sales,price", *(f"2024-01-{k + 1:02d},{k % 7},{k}" for k in range(30))])


@pytest.mark.parametrize(
    ("content", "options", "right"),
    [
        (
            LONG,
            ["--series-column", "machine", "--time-column", "tick", "--label-column", "state"],
            {
                "modality": "series",
                "task": "classify",
                "layout": "long",
                "columns": {
                    "text": "", "label": "state", "series": "machine", "time": "tick",
                    "channels": ["volt", "amp", "note"], "left_out": [],
                },
                "season": None,
            },
        ),
        (
            TEXTS,
            [],
            {
                "modality": "text",
                "task": "classify",
                "layout": "texts",
                "columns": {
                    "text": "review", "label": "stars", "series": "", "time": "", "channels": [], "left_out": ["id"],
                },
                "season": None,
            },
        ),
        (
            FORECAST,
            ["--task", "forecast", "--label-column", "sales"],
            {
                "modality": "series",
                "task": "forecast",
                "layout": "panel",
                "columns": {
                    "text": "", "label": "sales", "series": "", "time": "day", "channels": ["price"], "left_out": [],
                },
                "season": 7,
            },
        ),
    ],
    ids=["long", "texts", "forecast"],
)  # fmt: skip
def test_what_was_found(
    lstmkit: Command, tmp_path: Path, content: str, options: list[str], right: dict[str, Any]
) -> None:
    path = tmp_path / "table.csv"
    path.write_text(content + "\n")
    if "review" in content:
        options = [*options, "--text-column", "review", "--label-column", "stars"]
    done = lstmkit("data", "info", path, "--json", *options)
    assert done.status == 0, done.err
    (line,) = done.out.splitlines()
    found = json.loads(line)
    assert {key: found[key] for key in right} == right
    assert sum(found["n_by_split"].values()) == {"long": 24, "texts": 40, "panel": 1}[right["layout"]]
    assert set(found) == {*right, "source", "n_by_split", "decisions", "n_rejected", "fingerprint"}


def test_what_was_found_in_a_source_without_columns(lstmkit: Command) -> None:
    found = json.loads(lstmkit("data", "info", "digits", "--json").out)
    assert (found["modality"], found["layout"]) == ("tokens", "bundled")
    assert found["n_by_split"] == {"train": 1259, "valid": 269, "test": 269}
