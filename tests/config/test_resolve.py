"""From preset, file, `--set` and options to one configuration: who wins, what is refused, what comes back from TOML."""

import tomllib
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from lstmkit.config.presets import PRESETS
from lstmkit.config.resolve import differences, known_keys, load_config, resolve, to_toml
from lstmkit.config.schema import Config
from lstmkit.core.errors import RequestError

KEYS = list(known_keys())
FIELDS: dict[str, FieldInfo] = {"preset": Config.model_fields["preset"], "seed": Config.model_fields["seed"]} | {
    f"{section}.{name}": leaf
    for section in ("task", "data", "encoder", "augment", "model", "train", "run")
    for name, leaf in type(getattr(Config(), section)).model_fields.items()
}


def value_at(config: Config, key: str) -> Any:
    found: Any = config
    for part in key.split("."):
        found = getattr(found, part)
    return found


def test_the_subjects_are_all_there() -> None:
    assert sorted(PRESETS) == ["default", "lab", "streaming"]
    assert list(FIELDS) == KEYS
    assert len(KEYS) == 78
    assert all(known_keys().values()), "a key without a meaning"


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "own.toml"
    path.write_text("[train]\nepochs = 6\n")
    return path


def test_the_later_wins(toml: Path) -> None:
    assert Config().train.epochs == 10
    assert resolve("lab").train.epochs == 10
    assert resolve("default").train.epochs == PRESETS["default"]["train"]["epochs"] != 10
    assert resolve("default", toml).train.epochs == 6
    assert resolve("default", toml, ["train.epochs=7"]).train.epochs == 7
    assert resolve("default", toml, ["train.epochs=7", "train.epochs=8"]).train.epochs == 8
    assert resolve("default", toml, ["train.epochs=7"], {"train.epochs": 9}).train.epochs == 9


def test_what_the_later_leaves_alone_stays(toml: Path) -> None:
    config = resolve("default", toml, ["model.hidden_size=32"], {"train.epochs": None, "seed": 3})
    assert (config.train.epochs, config.model.hidden_size, config.seed) == (6, 32, 3)
    assert (config.model.word_dropout, config.train.schedule) == (
        PRESETS["default"]["model"]["word_dropout"],
        "one_cycle",
    )
    assert config.model.cell == Config().model.cell


def test_the_preset_is_the_option_s_else_the_file_s_else_the_command_s(tmp_path: Path) -> None:
    named = tmp_path / "named.toml"
    named.write_text('preset = "default"\n')
    assert resolve(default_preset="lab").preset == "lab"
    assert resolve(file=named, default_preset="lab").preset == "default"
    assert resolve(file=named, default_preset="lab").model.bidirectional
    assert resolve("lab", named).preset == "lab"
    assert not resolve("lab", named).model.bidirectional


def test_a_run_s_file_wins_over_a_preset_in_all_but_the_name(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(to_toml(resolve("lab")))
    assert resolve("default", path) == resolve("lab").model_copy(update={"preset": "default"})


@pytest.mark.parametrize("key", KEYS)
def test_a_slip_in_a_key_is_answered_with_the_key(key: str) -> None:
    slip = key[:-2] + key[-1] + key[-2] if key[-1] != key[-2] else key[:-1]
    with pytest.raises(RequestError) as refusal:
        resolve(assignments=[f"{slip}=1"])
    assert str(refusal.value) == f"configuration key {slip!r} is unknown; did you mean {key!r}?"


@pytest.mark.parametrize("key", [key for key in KEYS if "." in key])
def test_a_key_without_its_section_or_in_another_is_answered_with_the_key(key: str) -> None:
    leaf = key.rpartition(".")[2]
    for slip in (leaf, f"nowhere.{leaf}"):
        with pytest.raises(RequestError) as refusal:
            resolve(overrides={slip: 1})
        assert str(refusal.value) == f"configuration key {slip!r} is unknown; did you mean {key!r}?"


@pytest.mark.parametrize(
    "text",
    ["zzzz = 1", "[zzzz]\nqqqq = 1", 'train = "zzzz"', "[train.epochs]\nzzzz = 1", "[[zzzz]]\nqqqq = 1"],
)
def test_what_is_near_to_nothing_is_sent_to_the_page(text: str, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(RequestError, match=r"^configuration key '[\w.]+' is unknown; "):
        resolve(file=path)


def test_a_key_like_no_other() -> None:
    with pytest.raises(RequestError, match=r"^configuration key 'zzzz' is unknown; docs/configuration.md lists them"):
        resolve(assignments=["zzzz=1"])


@pytest.mark.parametrize(
    ("assignment", "refusal"),
    [
        ("train.epochs=many", r"train.epochs = 'many': input should be a valid integer; see docs/configuration.md"),
        ('train.epochs="5"', r"train.epochs = '5': input should be a valid integer; "),
        ("train.epochs=5.0", r"train.epochs = 5.0: input should be a valid integer; "),
        ("train.epochs=true", r"train.epochs = True: input should be a valid integer; "),
        ("train.epochs=-1", r"train.epochs = -1: input should be greater than or equal to 0; "),
        ("train.epochs=[5]", r"train.epochs = \[5\]: input should be a valid integer; "),
        ("train.epochs=", r"train.epochs = '': input should be a valid integer; "),
        ("train.learning_rate=0", r"train.learning_rate = 0.0: input should be greater than 0; "),
        ("train.learning_rate=nan", r"train.learning_rate = nan: input should be "),
        ("train.learning_rate=true", r"train.learning_rate = True: input should be a valid number; "),
        ('train.learning_rate="0.1"', r"train.learning_rate = '0.1': input should be a valid number; "),
        ("data.valid_fraction=0", r"data.valid_fraction = 0.0: input should be greater than 0; "),
        ("data.test_fraction=0.9", r"data.test_fraction = 0.9: input should be less than 0.9; "),
        ("seed=-1", r"seed = -1: input should be greater than or equal to 0; "),
        ("seed=2147483648", r"seed = 2147483648: input should be less than 2147483648; "),
        ("seed={}", r"seed = {}: input should be a valid integer; "),
        ("seed={a=1}", r"configuration key 'seed.a' is unknown"),
        ("model.bidirectional=1", r"model.bidirectional = 1: input should be a valid boolean; "),
        ("model.bidirectional=yes", r"model.bidirectional = 'yes': input should be a valid boolean; "),
        ("model.cell=lsmt", r"model.cell = 'lsmt': input should be 'lstm', 'gru' or 'rnn'; "),
        ("data.text_column=1", r"data.text_column = 1: input should be a valid string; "),
        ("model.layer_dropout=0.2", r"model.layer_dropout acts between layers and model.num_layers is 1; "),
        ("train.epochs", r"--set train.epochs: no '='; write --set train.epochs=5"),
        ("", r"--set : no '='"),
    ],
)
def test_what_is_ill_typed_is_refused(assignment: str, refusal: str) -> None:
    with pytest.raises(RequestError, match=f"^{refusal}"):
        resolve(assignments=[assignment])


@pytest.mark.parametrize(
    ("assignment", "key", "value"),
    [
        ("train.learning_rate=1", "train.learning_rate", 1.0),
        (" train.epochs = 3 ", "train.epochs", 3),
        ("model.cell=gru", "model.cell", "gru"),
        ('model.cell="gru"', "model.cell", "gru"),
        ("data.text_column=a = b", "data.text_column", "a = b"),
        ('data.text_column="1"', "data.text_column", "1"),
        ("data.text_column=", "data.text_column", ""),
        ("model.bidirectional=true", "model.bidirectional", True),
    ],
)
def test_how_a_value_is_read(assignment: str, key: str, value: Any) -> None:
    found = value_at(resolve(assignments=[assignment]), key)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("preset", ["labb", "", "LAB", "resnet"])
def test_a_wrong_preset_is_refused(preset: str, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(f'preset = "{preset}"\n')
    if preset:
        with pytest.raises(RequestError, match=f"^preset '{preset}' is unknown; there are default, lab"):
            resolve(preset)
        with pytest.raises(RequestError, match=f"^preset '{preset}' is unknown; there are default, lab"):
            resolve(file=path)
    else:
        assert resolve(preset, default_preset="lab").preset == "lab"


def test_files_that_are_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"absent.toml: No such file or directory; --config takes a TOML file$"):
        resolve(file=tmp_path / "absent.toml")
    with pytest.raises(RequestError, match=r"Is a directory; --config takes a TOML file$"):
        resolve(file=tmp_path)
    path = tmp_path / "broken.toml"
    path.write_text("train.epochs = = 5")
    with pytest.raises(RequestError, match=r"broken.toml: not TOML \(.*line 1.*\)$"):
        resolve(file=path)
    path.write_bytes(b"preset = '\xff'")
    with pytest.raises(RequestError, match=r"broken.toml: not TOML \(.*0xff.*\)$"):
        load_config(path)


def test_a_configuration_cannot_be_changed_or_taken_apart() -> None:
    config = resolve()
    with pytest.raises(ValidationError, match="frozen"):
        config.train.epochs = 3
    assert resolve().train.epochs == PRESETS["default"]["train"]["epochs"]


def _values(key: str) -> st.SearchStrategy[Any]:
    field = FIELDS[key]
    if get_origin(field.annotation) is Literal:
        return st.sampled_from(get_args(field.annotation))
    low = next((getattr(b, n) for b in field.metadata for n in ("ge", "gt") if hasattr(b, n)), None)
    high = next((getattr(b, n) for b in field.metadata for n in ("le", "lt") if hasattr(b, n)), None)
    is_below = any(hasattr(b, "lt") for b in field.metadata)
    if field.annotation is int:
        return st.integers(low, 2**63 - 1 if high is None else high - is_below)
    if field.annotation is float:
        is_open = any(hasattr(b, "gt") for b in field.metadata)
        edges = {"exclude_min": is_open and low is not None, "exclude_max": is_below}
        return st.floats(low, high, allow_nan=False, allow_infinity=False, **edges)
    return st.booleans() if field.annotation is bool else st.text()


@pytest.mark.parametrize("preset", sorted(PRESETS))
@settings(max_examples=60, deadline=None)
@given(chosen=st.fixed_dictionaries({}, optional={key: _values(key) for key in KEYS if key != "preset"}))
def test_toml_gives_the_same_configuration_back(
    preset: str, chosen: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    assume(chosen.get("model.num_layers", 1) > 1 or not chosen.get("model.layer_dropout"))
    config = resolve(preset, overrides=chosen)
    for key, value in chosen.items():
        assert value_at(config, key) == value
    path = tmp_path_factory.getbasetemp() / f"{preset}.toml"
    path.write_bytes(to_toml(config).encode())
    assert load_config(path) == config
    assert resolve(file=path, default_preset="default") == config
    assert differences(load_config(path), config) == []


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_toml_spells_every_key_out(preset: str) -> None:
    tree = tomllib.loads(to_toml(resolve(preset)))
    spelt = [f"{name}.{leaf}" for name, value in tree.items() if isinstance(value, dict) for leaf in value]
    assert ["preset", "seed", *spelt] == KEYS


def test_differences_name_the_keys_with_both_values() -> None:
    there = resolve("lab")
    here = resolve("lab", assignments=["model.cell=gru"], overrides={"seed": 4, "train.learning_rate": 0.01})
    assert differences(there, here) == [
        "seed (0 there, 4 here)",
        "model.cell ('lstm' there, 'gru' here)",
        "train.learning_rate (0.002 there, 0.01 here)",
    ]
    assert differences(there, there) == []


@pytest.mark.parametrize("key", KEYS)
def test_a_difference_in_any_key_is_seen(key: str) -> None:
    base = resolve(overrides={"model.num_layers": 2})
    field = FIELDS[key]
    if key == "preset":
        other: Any = "lab"
    elif get_origin(field.annotation) is Literal:
        other = next(value for value in get_args(field.annotation) if value != value_at(base, key))
    else:
        now = value_at(base, key)
        other = (not now) if isinstance(now, bool) else f"{now}x" if isinstance(now, str) else now + type(now)(1)
        other = 0.5 if isinstance(now, float) and now < 0.5 else 0.25 if isinstance(now, float) else other
    if key == "task.goal":  # other keys start elsewhere for another task
        changed = base.model_copy(update={"task": base.task.model_copy(update={"goal": other})})
    else:
        changed = resolve(overrides={"model.num_layers": 2, key: other})
    found = [line.partition(" ")[0] for line in differences(base, changed)]
    assert found == [key]
