"""A probe's page: each number of its records, for every outcome that a probe can have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fake_probe
import pytest
from reading_pages import read_page

from lstmkit.core.errors import ArtifactError
from lstmkit.report import draw_probe
from lstmkit.report.probe_plots import HUES, of_probe
from lstmkit.report.probe_records import TITLES, read_probe


def test_every_horizon_and_every_trial_stands_on_the_page(tmp_path: Path) -> None:
    folder = fake_probe.write_probe(tmp_path / "probe")
    page = read_page(draw_probe(folder))
    assert [e.text for e in page.all("h2")] == [
        "The horizon", "Adding", "First-token recall", "How it was measured", "To reproduce",
    ]  # fmt: skip
    table = page.all("table")[0].text.split("\n")
    cells = [line for line in table if line.strip()]
    assert "RNN20none" in cells
    assert "GRU1,000 or longer100" in cells
    assert "LSTM50020" in cells
    assert "LSTM, chrono1,000 or longer500" in cells
    content = fake_probe.record()
    n_trials = sum(len(p["trials"]) for t in content["curves"].values() for c in t.values() for p in c)
    assert f"Networks{n_trials}" in page.text
    rows = [e for e in page.all("tr") if "rate 0.0" in e.text]
    assert len(rows) == n_trials
    assert sum("ended: its loss was no number" in row.text for row in rows) == sum(
        not trial["finite"]
        for t in content["curves"].values() for c in t.values() for p in c for trial in p["trials"]
    )  # fmt: skip
    assert "rate 0.001, no clipping" in page.text
    assert "mean squared error of 0.1667" in page.text
    assert "right 12.5% of the time, with 8 classes; solved is an accuracy above 95%" in page.text
    assert "lstmkit probe --out 'my runs/p'" in page.text
    alternatives = [e.attributes["aria-label"] for e in page.all("svg")]
    assert any("RNN 10: 0.0040, 20: 0.0050, 50: 0.1650, 100: 0.1650" in words for words in alternatives)


def test_an_edited_record_is_what_the_page_shows(tmp_path: Path) -> None:
    content = fake_probe.record({"adding": {"rnn": 0, "lstm": 50}})
    content["curves"]["adding"]["lstm"][0]["value"] = 0.0123
    page = read_page(draw_probe(fake_probe.write_probe(tmp_path / "probe", content)))
    assert "0.0123" in page.text
    assert "or longer" not in page.text
    assert "GRU" not in page.text


OUTCOMES: dict[str, dict[str, dict[str, int]]] = {
    "one cell that solves nothing": {"recall": {"rnn": 0}},
    "one cell that solves all": {"adding": {"chrono": 1000}},
    "all cells alike": {"adding": dict.fromkeys(("rnn", "gru", "lstm", "chrono"), 100)},
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_each_outcome_can_be_drawn(tmp_path: Path, name: str) -> None:
    folder = fake_probe.write_probe(tmp_path / "probe", fake_probe.record(OUTCOMES[name]))
    assert read_page(draw_probe(folder)).unbalanced == []


def test_a_single_lag_can_be_drawn(tmp_path: Path) -> None:
    content = fake_probe.record({"adding": {"lstm": 10}})
    content["plan"]["lags"] = [10]
    content["curves"]["adding"]["lstm"] = content["curves"]["adding"]["lstm"][:1]
    assert "10 or longer" in read_page(draw_probe(fake_probe.write_probe(tmp_path / "probe", content))).text


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    one, other = (fake_probe.write_probe(tmp_path / name) for name in ("one", "other"))
    assert draw_probe(one).read_bytes() == draw_probe(other).read_bytes()
    assert (one / "plots" / "adding.png").read_bytes() == (other / "plots" / "adding.png").read_bytes()


def test_the_curves_are_the_records(tmp_path: Path) -> None:
    probe = read_probe(fake_probe.write_probe(tmp_path / "probe"))
    axes = of_probe(probe)["adding"].axes[0]
    lines = [line for line in axes.lines if len(line.get_xdata()) > 2]  # type: ignore[arg-type]
    assert len(lines) == 4
    for line, (cell, points) in zip(lines, probe.record.curves["adding"].items(), strict=True):
        assert list(line.get_ydata()) == [point.value for point in points]  # type: ignore[call-overload]
        assert list(line.get_xdata()) == pytest.approx(
            [point.lag for point in points], rel=0.07
        )  # drawn a little apart
        assert cell in HUES
        assert cell in TITLES
    assert len(set(HUES.values())) == 4


def without(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda content: content.pop(key)


def curve(content: dict[str, Any]) -> list[dict[str, Any]]:
    return content["curves"]["adding"]["lstm"]


DAMAGE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no plan": (without("plan"), "plan: Field required"),
    "another format": (lambda c: c.update(format=2), "format: Input should be 1"),
    "a lag that is no number": (lambda c: curve(c)[0].update(lag="ten"), "curves.adding.lstm.0.lag"),
    "a value that is no number": (lambda c: curve(c)[1].update(value=None), "curves.adding.lstm.1.value"),
    "no trial": (lambda c: curve(c)[0].update(trials=[]), "curves.adding.lstm.0.trials"),
    "an unknown cell": (lambda c: c["horizon"]["adding"].update(elman=3), "horizon.adding.elman"),
    "an empty curve": (lambda c: curve(c).clear(), "curves.adding.lstm"),
    "a task without a curve": (lambda c: c["curves"].pop("recall"), "curves lacks recall, which plan has"),
    "a cell without a horizon": (lambda c: c["horizon"]["adding"].pop("gru"), "the cells of adding are not those"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_record_is_one_line_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    damage, message = DAMAGE[name]
    content = fake_probe.record()
    damage(content)
    folder = fake_probe.write_probe(tmp_path / "probe", content)
    with pytest.raises(ArtifactError) as caught:
        draw_probe(folder)
    words = str(caught.value)
    assert words.startswith(f"{folder / 'probe.json'}: ")
    assert message in words
    assert "\n" not in words
    assert sorted(path.name for path in folder.iterdir()) == ["environment.json", "probe.json"]
