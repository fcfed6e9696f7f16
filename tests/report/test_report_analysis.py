"""The page of an analysis and its plots, from records alone."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fake_analysis
import pytest
from matplotlib.figure import Figure
from reading_pages import read_page

from lstmkit.cli.analyze import table
from lstmkit.core.errors import ArtifactError
from lstmkit.report import analysis_plots, draw_analysis
from lstmkit.report.analysis_page import steps
from lstmkit.report.analysis_records import Analysis
from lstmkit.report.style import house_style

FLOW = {"gradient_flow", "state_flow"}
GATES = {"time_constants", "saturation"}


def figures(record: dict[str, Any]) -> dict[str, Figure]:
    with house_style():
        return analysis_plots.of_analysis(Analysis.model_validate(record))


def drawn(folder: Path) -> set[str]:
    return {path.stem for path in (folder / "plots").glob("*.svg")}


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (("lstm", "rnn"), FLOW | GATES | {"cell_path"}),
        (("lstm",), FLOW | GATES | {"cell_path"}),
        (("gru",), FLOW | GATES),
        (("rnn",), FLOW),
    ],
)
def test_each_kind_of_run_has_its_figures(cells: tuple[str, ...], wanted: set[str], tmp_path: Path) -> None:
    page = draw_analysis(fake_analysis.write(tmp_path, fake_analysis.analysis(cells)))
    assert page == tmp_path / "analysis.html"
    assert drawn(tmp_path) == wanted
    read = read_page(page)
    assert read.unbalanced == []
    assert len([one for one in read.all("figure") if one.attributes.get("class") == "plot"]) == len(wanted)
    assert all(caption.text.strip() for caption in read.all("figcaption"))
    labelled = [one.attributes.get("aria-label", "") for one in read.all("svg")]
    assert len(labelled) == len(wanted)
    assert all(len(words) > 40 for words in labelled)
    if "rnn" in cells:
        assert "RNN, gates: it has none." in read.text
    ids = [one.attributes["id"] for one in read.elements if "id" in one.attributes]
    assert len(ids) == len(set(ids))


def test_the_page_fetches_nothing_and_runs_nothing_of_the_datas(tmp_path: Path) -> None:
    page = draw_analysis(fake_analysis.write(tmp_path, fake_analysis.analysis()))
    read = read_page(page)
    assert fake_analysis.HARD_WORD in read.text
    assert fake_analysis.HARD_WORD not in read.source
    assert len(read.all("script")) == 1
    assert not re.search(r"(?:src|href)=\"(?!#)", read.source)
    assert not re.search(r"url\((?!#)", read.source)
    assert page.stat().st_size < 1_000_000


def test_numbers_of_the_table_are_the_records(tmp_path: Path) -> None:
    read = read_page(draw_analysis(fake_analysis.write(tmp_path, fake_analysis.analysis())))
    rows = ["".join(row.text.split()) for row in read.all("tr")]
    assert "LSTM,traineddLoss/dh40R²0.683925%0%" in rows
    assert "RNN,atinitialisationdh_last/dh0.9R²0.68125%0%" in rows
    assert sum("dLoss/dc" in row for row in rows) == 2
    assert "LSTM,trained266∞47%,37%47%,37%47%,37%" in rows
    assert "Half-life of dLoss/dh, LSTM" in read.text
    assert "40 steps" in read.text
    assert "agree to 2e-16" in read.text


def test_the_terminals_table_has_each_fit_beside_its_half_life() -> None:
    record = fake_analysis.analysis(("lstm",))
    first_curve(record).update(half_life=None, half_life_absent="does not fall")
    head, initial, trained = table(Analysis.model_validate(record))
    assert head[2:4] == ["half-life in steps", "R²"]
    assert initial[2:4] == ["none", "-"]
    assert trained[2:4] == ["40", "0.68"]


def test_layers_and_directions_each_have_their_row(tmp_path: Path) -> None:
    record = fake_analysis.analysis(("lstm",), bidirectional=True, pooling="mean")
    read = read_page(draw_analysis(fake_analysis.write(tmp_path, record)))
    assert "pools over all steps" in read.text
    assert "Half-life of dh_last/dh, LSTM, backward" in read.text
    record = fake_analysis.analysis(("lstm",), num_layers=2, bidirectional=True)
    titles = [axes.get_title(loc="left") for axes in figures(record)["state_flow"].axes]
    assert titles == [
        f"{stage} · layer {layer}, {direction}"
        for layer in (2, 1)
        for direction in ("forward", "backward")
        for stage in ("At initialisation", "Trained")
    ]


def test_curves_are_the_medians_and_the_axis_is_logarithmic() -> None:
    record = fake_analysis.analysis()
    axes = figures(record)["gradient_flow"].axes[1]
    assert axes.get_yscale() == "log"
    assert len(axes.lines) == 3  # LSTM h and c, RNN h
    wanted = record["models"]["lstm"]["networks"]["trained"]["layers"][0][0]["flow"]["loss_by_hidden"]["norm"]["median"]
    assert list(axes.lines[0].get_ydata()) == wanted
    assert list(axes.lines[0].get_xdata()) == list(range(40))


def test_a_curve_is_drawn_as_far_as_enough_examples_reach() -> None:
    record = fake_analysis.analysis(("lstm",))
    for stage in ("initial", "trained"):
        flow = record["models"]["lstm"]["networks"][stage]["layers"][0][0]["flow"]
        for one in flow.values():
            one["reach"] = 12
            one["relative"] = {name: values[:12] for name, values in one["relative"].items()}
    assert len(figures(record)["gradient_flow"].axes[0].lines[0].get_xdata()) == 12


def test_zeros_and_tiny_norms_are_drawn_below_the_axis() -> None:
    record = fake_analysis.analysis(("rnn",), n=400)
    flow = record["models"]["rnn"]["networks"]["initial"]["layers"][0][0]["flow"]["loss_by_hidden"]
    flow["norm"]["median"][-1] = flow["norm"]["lower"][-1] = 0.0
    axes = figures(record)["gradient_flow"].axes[0]
    low, high = axes.get_ylim()
    assert high / low < 1e20
    assert min(axes.lines[0].get_ydata()) > 0


def test_time_constants_are_a_distribution_and_the_endless_are_left_open() -> None:
    axes = figures(fake_analysis.analysis(("lstm",)))["time_constants"].axes[0]
    initial, trained = axes.lines
    assert list(initial.get_ydata())[-1] == 100
    assert list(trained.get_ydata())[-1] == pytest.approx(200 / 3)


def test_saturation_has_a_point_for_each_unit_and_gate() -> None:
    axes = figures(fake_analysis.analysis(("lstm",)))["saturation"].axes
    assert [one.get_title(loc="left") for one in axes] == ["Forget gate", "Input gate", "Output gate"]
    assert list(axes[0].lines[2].get_xdata()) == [0.0, 50.0, 90.0]
    assert list(axes[0].lines[2].get_ydata()) == [90.0, 20.0, 0.0]
    (update, reset) = figures(fake_analysis.analysis(("gru",)))["saturation"].axes
    assert [update.get_title(loc="left"), reset.get_title(loc="left")] == ["Update gate", "Reset gate"]


def test_one_token_leaves_the_flow_out(tmp_path: Path) -> None:
    draw_analysis(fake_analysis.write(tmp_path, fake_analysis.analysis(("lstm",), n=1)))
    assert drawn(tmp_path) == GATES


def broken(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    record = fake_analysis.analysis()
    change(record)
    return record


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r.update(format=2), r"format: Input should be 1"),
        (lambda r: r.pop("models"), r"models: Field required"),
        (lambda r: r["models"]["lstm"]["networks"].pop("initial"), r"initial and trained belong here"),
        (lambda r: r["models"]["lstm"].update(num_layers=2), r"layers and directions are not those of the model"),
        (lambda r: first_curve(r).update(reach=41), r"not of the lengths that n and reach have"),
        (lambda r: first_curve(r)["norm"]["upper"].pop(), r"lower, median and upper are not of one length"),
        (lambda r: first_curve(r).update(vanishes=1.5), r"vanishes: Input should be less than or equal to 1"),
    ],
)
def test_a_damaged_record_is_one_line_and_nothing_is_drawn(
    change: Callable[[dict[str, Any]], object], words: str, tmp_path: Path
) -> None:
    fake_analysis.write(tmp_path, broken(change))
    with pytest.raises(ArtifactError, match=rf"analysis\.json: .*{words}.*; restore it or train again") as caught:
        draw_analysis(tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "analysis.html").exists()
    assert not (tmp_path / "plots").exists()


def first_curve(record: dict[str, Any]) -> dict[str, Any]:
    return record["models"]["lstm"]["networks"]["initial"]["layers"][0][0]["flow"]["loss_by_hidden"]


def test_half_a_file_is_one_line(tmp_path: Path) -> None:
    path = fake_analysis.write(tmp_path, fake_analysis.analysis()) / "analysis.json"
    path.write_text(path.read_text()[:500])
    with pytest.raises(ArtifactError, match=r"analysis\.json: damaged, not JSON"):
        draw_analysis(tmp_path)


@pytest.mark.parametrize(
    ("value", "words"), [(None, "none"), (float("inf"), "∞"), (0.872, "0.872"), (41.72, "41.7"), (1234.5, "1,234")]
)
def test_steps_as_one_reads_them(value: float | None, words: str) -> None:
    assert steps(value) == words


def test_drawing_needs_no_torch(tmp_path: Path) -> None:
    fake_analysis.write(tmp_path, fake_analysis.analysis())
    script = (
        "import sys; from pathlib import Path; from lstmkit.report import draw_analysis; "
        "draw_analysis(Path(sys.argv[1])); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode == 0
