"""What a request asks for by name is used or refused, and one request has one meaning however it is written."""

import itertools
import random
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from small_runs import Command

from lstmkit.cli import options
from lstmkit.config.applies import _RULES, Found, asked_keys, check_applies
from lstmkit.config.resolve import known_keys, resolve, to_toml
from lstmkit.config.schema import Config
from lstmkit.core.errors import RequestError


def write_sensors(path: Path, series: str, time: str) -> Path:
    """A table with a row for each step of 24 series, under names that nothing but an option tells."""
    rows = [f"{series},{time},volt,amp,state"]
    for k in range(24):
        rows += [f"m{k},{t},{(t * (k % 2 + 1)) % 5},{t % 3},{'ok' if k % 2 else 'worn'}" for t in range(6)]
    path.write_text("\n".join(rows) + "\n")
    return path


COLUMNS = {"label_column": "state", "series_column": "machine_name", "time_column": "tick"}


def said(names: dict[str, str], by: tuple[str, ...], folder: Path) -> dict[str, Any]:
    """Options, `--set` and a file that name columns, each in the way that `by` has for it."""
    asked: dict[str, Any] = {"assignments": []}
    filed = {}
    for (key, value), way in zip(names.items(), by, strict=True):
        if way == "option":
            asked[key] = value
        elif way == "set":
            asked["assignments"].append(f"data.{key}={value}")
        else:
            filed[key] = value
    if filed:
        asked["config"] = folder / "own.toml"
        asked["config"].write_text(tomli_w.dumps({"data": filed}))
    return asked


@pytest.mark.parametrize("preset", ["default", "lab", "streaming"])
def test_any_way_of_naming_columns_gives_one_configuration(preset: str, tmp_path: Path) -> None:
    source = str(write_sensors(tmp_path / "sensors.csv", "machine_name", "tick"))
    plain = str(write_sensors(tmp_path / "plain.csv", "series_id", "time"))
    found = {
        to_toml(options.configuration("default", source, {"preset": preset, **said(COLUMNS, by, tmp_path)}))
        for by in itertools.product(("option", "set", "file"), repeat=3)
    }
    assert len(found) == 1
    # And it is that of the same table under names that are known, but for what was named.
    known = options.configuration("default", plain, {"preset": preset, "label_column": "state"})
    named = known.data.model_copy(update={"source": source, **COLUMNS})
    assert found == {to_toml(known.model_copy(update={"data": named}))}


FOUND = {
    "text": Found("text", "texts", ".csv"),
    "text folder": Found("text", "folder", ".txt"),
    "tokens": Found("tokens", "catalogue"),
    "series": Found("series", "long", ".csv"),
    "series of .ts": Found("series", "ts", ".ts"),
    "parquet": Found("series", "wide", ".parquet"),
    "recordings": Found("audio", "folder", ".wav"),
    "manifest": Found("audio", "manifest", ".csv"),
}
# Keys that are refused, by what was found and the task.
REFUSED = [
    ("text", "classify", "data.series_column=a"),
    ("text", "classify", "data.time_column=a"),
    ("text", "classify", "data.thousands=','"),
    ("text", "classify", "task.horizon=3"),
    ("text", "regression", "task.season=3"),
    ("text", "classify", "encoder.n_mels=20"),
    ("text", "classify", "augment.jitter=0.1"),
    ("text", "classify", "augment.time_masks=1"),
    ("text folder", "classify", "data.text_column=a"),
    ("text folder", "classify", "data.label_column=a"),
    ("text folder", "classify", "data.delimiter=';'"),
    ("tokens", "classify", "encoder.lowercase=false"),
    ("tokens", "classify", "data.label_column=a"),
    ("series", "classify", "data.text_column=a"),
    ("series", "classify", "encoder.vocabulary_size=100"),
    ("series", "classify", "model.word_dropout=0.1"),
    ("series", "classify", "augment.gain_db=1.0"),
    ("series", "regression", "train.class_weights=balanced"),
    ("series", "regression", "augment.jitter=0.1"),
    ("series", "regression", "train.label_smoothing=0.1"),
    ("series", "forecast", "encoder.max_length=10"),
    ("series", "forecast", "data.split_seed=3"),
    ("series", "forecast", "augment.time_warp=0.1"),
    ("text", "forecast", "encoder.lowercase=false"),
    ("series of .ts", "classify", "data.series_column=a"),
    ("series of .ts", "classify", "data.encoding=cp1252"),
    ("parquet", "classify", "data.header=false"),
    ("parquet", "classify", "data.encoding=cp1252"),
    ("recordings", "classify", "data.encoding=cp1252"),
    ("recordings", "classify", "model.embedding_std=0.1"),
    ("manifest", "classify", "data.text_column=a"),
    ("manifest", "classify", "data.thousands=','"),
]
ALLOWED = [
    ("text", "classify", "data.text_column=a"),
    ("text", "classify", "encoder.lowercase=false"),
    ("text folder", "classify", "data.encoding=cp1252"),
    ("tokens", "classify", "encoder.min_frequency=3"),
    ("series", "classify", "data.series_column=a"),
    ("series", "classify", "data.thousands=','"),
    ("series", "classify", "augment.jitter=0.1"),
    ("series", "forecast", "task.horizon=3"),
    ("text", "forecast", "data.series_column=a"),
    ("series", "forecast", "data.date_format=%d/%m/%Y"),
    ("recordings", "classify", "encoder.n_mels=20"),
    ("recordings", "classify", "augment.time_warp=0.1"),
    ("manifest", "classify", "data.delimiter=';'"),
    ("parquet", "classify", "data.label_column=a"),
]


def check(found: str, goal: str, assignment: str) -> None:
    assignments = [f"task.goal={goal}", assignment]
    config, start = resolve(assignments=assignments), resolve(assignments=assignments[:1])
    check_applies(config, asked_keys(config, start, assignments, {}), FOUND[found])


@pytest.mark.parametrize(("found", "goal", "assignment"), REFUSED)
def test_what_means_nothing_is_refused(found: str, goal: str, assignment: str) -> None:
    with pytest.raises(RequestError, match=rf"^{assignment.partition('=')[0]} is for .*; leave it out$"):
        check(found, goal, assignment)


@pytest.mark.parametrize(("found", "goal", "assignment"), ALLOWED)
def test_what_means_something_is_allowed(found: str, goal: str, assignment: str) -> None:
    check(found, goal, assignment)


def test_every_rule_is_shown_both_ways() -> None:
    refused = {assignment.partition("=")[0] for *_, assignment in REFUSED}
    for rule in _RULES:
        assert any(fnmatchcase(name, pattern) for pattern in rule.keys.split() for name in refused), rule.keys
    patterns = [key for rule in _RULES for key in rule.keys.split() if "*" not in key]
    assert set(patterns) <= set(known_keys())


def test_a_whole_configuration_fed_back_is_allowed(tmp_path: Path) -> None:
    """What a file holds at the values that would come anyway asks for nothing."""
    generator = random.Random(0)
    for name, goal in [(name, goal) for name in FOUND for goal in ("classify", "regression", "forecast")]:
        preset = generator.choice(["lab", "default"])
        start = resolve(preset, overrides={"task.goal": goal}, kind=FOUND[name].modality)
        path = tmp_path / "config.toml"
        path.write_text(to_toml(start))
        again = resolve(file=path, kind=FOUND[name].modality)
        assert again == start
        check_applies(again, asked_keys(again, start, [], {}), FOUND[name])


def test_a_file_of_another_modality_is_not_half_used(tmp_path: Path) -> None:
    path = tmp_path / "of-text.toml"
    path.write_text(to_toml(Config.model_validate({"model": {"word_dropout": 0.25}})))
    start = resolve(kind="series")
    config = resolve(file=path, kind="series")
    with pytest.raises(RequestError, match=r"(encoder|model)\.\w+ is for text and tokens"):
        check_applies(config, asked_keys(config, start, [], {}), FOUND["series"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--horizon", "3"], "--horizon is for forecasts; add --task forecast"),
        (["--set", "encoder.n_mels=8"], "encoder.n_mels is for recordings"),
        (["--thousands", ","], "--thousands is for tables of numbers"),
    ],
)
def test_the_command_names_the_option(lstmkit: Command, reviews: Path, arguments: list[str], words: str) -> None:
    done = lstmkit("train", reviews, "--out", "run", *arguments)
    assert done.status == 2
    assert done.err.startswith(f"error: {words}"), done.err
    assert not Path("run").exists()
