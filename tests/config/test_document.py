"""`docs/configuration.md` is what the schema says."""

import re
from pathlib import Path

import pytest

from lstmkit.cli import options
from lstmkit.config import document
from lstmkit.config.presets import PRESETS
from lstmkit.config.resolve import known_keys, resolve

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_is_made_from_the_schema() -> None:
    assert PAGE.read_text("utf-8") == document.render(), "run `make docs`"


def test_every_key_has_its_row_and_each_preset_its_values() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| (.*) \|$", document.render(), re.MULTILINE)
    assert [key for key, _ in rows] == list(known_keys())
    cells = {key: [cell.strip() for cell in row.split(" | ")] for key, row in rows}
    assert cells["train.learning_rate"][:4] == ["number, above 0", "`0.001`", "`0.002`", "`0.004`"]
    assert cells["model.bidirectional"][:4] == ["`true`, `false`", "`false`", "", "`true`"]
    assert cells["encoder.kind"][0] == "`auto`, `words`, `subwords`, `characters`, `tokens`, `series`, `audio`"
    for column, preset in ((2, "lab"), (3, "default"), (4, "streaming")):
        said = {key: cell[column] for key, cell in cells.items() if cell[column] and key != "preset"}
        own = {
            f"{section}.{leaf}": value for section, leaves in PRESETS[preset].items() for leaf, value in leaves.items()
        }
        assert set(said) == set(own)


def test_the_options_are_the_commands() -> None:
    assert {name.removeprefix("--").replace("-", "_"): key for name, key in document.OPTIONS.items()} == options._KEYS


def test_an_example_of_a_refusal_must_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "WRONG", ("train.epochs=5",))
    with pytest.raises(ValueError, match=r"^train.epochs=5 is allowed by now"):
        document.render()


def test_the_program_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "docs" / "configuration.md"
    assert document.main([str(path)]) == 0
    assert path.read_text("utf-8") == document.render()
    assert document.main([]) == 2
    assert capsys.readouterr().err.startswith("error: one path is needed; ")


def test_the_example_file_is_a_configuration(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```toml my.toml\n(.*?)^```$", document.render(), re.DOTALL | re.MULTILINE)
    path = tmp_path / "my.toml"
    path.write_text(block)
    config = resolve("lab", path)
    assert (config.model.cell, config.model.hidden_size, config.train.class_weights) == ("gru", 64, "balanced")
