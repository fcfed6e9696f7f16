"""`lstmkit analyze`: from the command line to the record, on a lab and on runs of each shape, and what it refuses."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from small_runs import SMALL, Command, write_reviews

from lstmkit.analyze import traced
from lstmkit.artifact import load_artifact
from lstmkit.cli.main import run
from lstmkit.config.resolve import load_config
from lstmkit.experiment import analysis, single, training
from lstmkit.experiment.analysis import network_at_start
from lstmkit.train import train
from small_evidence import shorten_evidence

Weights = dict[str, torch.Tensor]


def undrawn(folder: Path, runs_too: bool = True) -> Path:
    """An empty page, where a run would draw its own: it takes most of a short run's time and has its own tests."""
    (folder / "report.html").write_text("")
    return folder / "report.html"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[Weights]]]:
    """A folder with reviews.csv and a lab of it, and the weights that the training of each network began with."""
    folder = tmp_path_factory.mktemp("trained")
    begun: list[Weights] = []

    def watched(network: torch.nn.Module, *arguments: Any, **options: Any) -> Any:
        begun.append({name: tensor.clone() for name, tensor in network.state_dict().items()})
        return train(network, *arguments, **options)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LSTMKIT_CACHE", str(folder / "cache"))
        patch.setattr(training, "train", watched)
        patch.setattr(single, "draw_run", undrawn)
        patch.setattr("lstmkit.experiment.lab.draw_lab", undrawn)
        shorten_evidence(patch)
        write_reviews(folder / "reviews.csv")
        arguments = ["lab", folder / "reviews.csv", "--out", folder / "lab", "--seed", 3, "--epochs", 2, *SMALL]
        assert run([str(argument) for argument in arguments]) == 0
        yield folder, begun


@pytest.fixture
def lab(trained: tuple[Path, list[Weights]], tmp_path: Path) -> Path:
    """A copy of the lab's folder, to be written into."""
    found = Path(shutil.copytree(trained[0] / "lab", tmp_path / "lab"))
    for path in [*found.glob("analysis.*"), *found.glob("plots/*")]:  # a lab analyses itself
        path.unlink()
    return found


@pytest.fixture(autouse=True)
def _no_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lstmkit.experiment.lab.draw_lab", undrawn)


def train_one(lstmkit: Command, source: Path, folder: Path, *options: object) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(single, "draw_run", undrawn)
        done = lstmkit("train", source, "--out", folder, "--epochs", 1, *SMALL, *options)
    assert done.status == 0, done.err
    return folder


def record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "analysis.json").read_text())


def test_a_lab_from_the_command_to_the_record(lstmkit: Command, lab: Path) -> None:
    done = lstmkit("analyze", lab, "--examples", 10, "--seed", 1, "--threads", 1)
    assert done.status == 0, done.err
    assert [line.split("  ")[0] for line in done.out.splitlines()[1:]] == [
        "network",
        *("LSTM, at initialisation", "LSTM, trained", "RNN, at initialisation", "RNN, trained"),
    ]
    assert "reviews: 10 of 18 test examples" in done.err
    assert "RNN: gates and the path through the cell left out: a plain RNN has no gates and no cell state" in done.err
    found = record(lab)
    assert (found["format"], found["n_examples"], found["n_test"], found["seed"]) == (1, 10, 18, 1)
    assert list(found["models"]) == ["lstm", "rnn"]
    for cell, model in found["models"].items():
        for network in model["networks"].values():
            assert network["engine_difference"] < 1e-6
            ((one,),) = network["layers"]
            assert (one["gates"] is not None) == (cell == "lstm")
            assert set(one["flow"]) == {"loss_by_hidden", "last_by_hidden"} | (
                {"loss_by_cell", "cell_by_cell", "cell_by_cell_alone", "forget_product"} if cell == "lstm" else set()
            )
            assert one["flow"]["last_by_hidden"]["norm"]["median"][0] == 1.0
            assert one["flow"]["loss_by_hidden"]["n"][0] == 10
    for name in ("gradient_flow", "state_flow", "cell_path", "time_constants", "saturation"):
        for suffix in ("png", "svg"):
            assert (lab / "plots" / f"{name}.{suffix}").stat().st_size > 1000
    assert "Gradients and gates" in (lab / "analysis.html").read_text()


def test_the_same_seed_gives_the_same_record_and_another_gives_another(
    lstmkit: Command, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis, "draw_analysis", undrawn)
    records = []
    for seed in (0, 0, 1):
        assert lstmkit("analyze", lab, "--examples", 5, "--seed", seed, "--threads", 1).status == 0
        records.append((lab / "analysis.json").read_bytes())
    assert records[0] == records[1]
    assert records[0] != records[2]


def test_the_claims_of_a_lab_follow_its_analysis(lstmkit: Command, lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "draw_analysis", undrawn)
    begun = json.loads((lab / "lab.json").read_text())
    evidence = json.loads((lab / "evidence.json").read_text())
    missing = {"part": "gradients and gates", "reason": "made up"}
    (lab / "evidence.json").write_text(json.dumps(evidence | {"left_out": [*evidence["left_out"], missing]}))
    (lab / "report.html").unlink()
    said = []
    for n in (2, 9):
        done = lstmkit("analyze", lab, "--examples", n, "--seed", 4, "--threads", 1)
        assert done.status == 0, done.err
        assert f"claims judged anew: {lab / 'report.html'}" in done.err
        found = json.loads((lab / "lab.json").read_text())
        assert found == begun | {"claims": found["claims"]}
        assert [one["claim"] for one in found["claims"]] == [one["claim"] for one in begun["claims"]]
        said.append([one["evidence"] for one in found["claims"]])
        assert (lab / "report.html").exists()
    first = [one["evidence"] for one in begun["claims"]]
    assert said[0] != said[1]
    assert first not in said
    assert json.loads((lab / "evidence.json").read_text()) == evidence
    (lab / "lab.json").write_text(json.dumps(begun | {"claims": []}))  # a lab that was killed before it judged
    assert "judged anew" not in lstmkit("analyze", lab, "--examples", 2, "--threads", 1).err
    assert json.loads((lab / "lab.json").read_text())["claims"] == []


def test_report_draws_the_page_again_from_the_record(lstmkit: Command, lab: Path) -> None:
    assert lstmkit("analyze", lab, "--examples", 5).status == 0
    page = (lab / "analysis.html").read_bytes()
    (lab / "analysis.html").unlink()
    for cell in ("lstm", "rnn"):
        shutil.rmtree(lab / cell / "model")
    done = lstmkit("report", lab)
    assert done.status == 0, done.err
    assert done.out.splitlines() == [str(lab / "report.html"), str(lab / "analysis.html")]
    assert (lab / "analysis.html").read_bytes() == page


def test_the_network_at_the_start_is_the_one_that_training_began_with(
    trained: tuple[Path, list[Weights]],
) -> None:
    folder, begun = trained
    assert len(begun) == 2
    for cell, wanted in zip(("lstm", "rnn"), begun, strict=True):
        home = folder / "lab" / cell
        config, artifact = load_config(home / "config.toml"), load_artifact(home / "model")
        state = torch.get_rng_state()
        found = network_at_start(config, artifact).state_dict()
        assert torch.equal(torch.get_rng_state(), state)
        assert set(found) == set(wanted)
        assert all(torch.equal(found[name], wanted[name]) for name in wanted)
        assert not torch.equal(found["head.weight"], artifact.network.head.weight)


CHRONO = ("--set", "model.initialization=chrono")  # whose length comes from the training part


def test_a_refitted_run_begins_as_its_refit_did(
    lstmkit: Command, reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Weights] = []

    def watched(network: torch.nn.Module, *arguments: Any, **options: Any) -> Any:
        begun.append({name: tensor.clone() for name, tensor in network.state_dict().items()})
        return train(network, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(training, "train", watched)
    home = train_one(lstmkit, reviews, tmp_path / "run", "--set", "train.refit=true", *CHRONO)
    assert len(begun) == 2
    found = network_at_start(load_config(home / "config.toml"), load_artifact(home / "model")).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in begun[1].items())


def test_layers_directions_and_pooling(lstmkit: Command, reviews: Path, tmp_path: Path) -> None:
    deep = ("--set", "model.num_layers=2", "--set", "model.bidirectional=true", "--set", "model.pooling=max_mean")
    home = train_one(lstmkit, reviews, tmp_path / "run", *deep)
    done = lstmkit("analyze", home, "--examples", 50)
    assert done.status == 0, done.err
    rows = done.out.splitlines()[2:]
    assert len(rows) == 8
    assert all("dh_last/dh" in row for row in rows)
    assert rows[0].startswith("LSTM, layer 1, forward, at initialisation ")
    assert rows[-1].startswith("LSTM, layer 2, backward, trained ")
    assert record(home)["n_examples"] == 18  # all that there are
    assert "pools over all steps" in (home / "analysis.html").read_text()


def test_a_gru_has_gates_and_no_cell(lstmkit: Command, reviews: Path, tmp_path: Path) -> None:
    home = train_one(lstmkit, reviews, tmp_path / "run", "--set", "model.cell=gru")
    done = lstmkit("analyze", home, "--examples", 5)
    assert done.status == 0, done.err
    assert "GRU: the path through the cell left out: a GRU has no cell state beside its hidden state" in done.err
    (directions,) = record(home)["models"]["gru"]["networks"]["trained"]["layers"]
    assert [one["direction"] for one in directions] == ["forward", "backward"]
    for one in directions:
        assert one["gates"]["holds"] == "z"
        assert set(one["gates"]["saturation"]) == {"r", "z"}
    page = (home / "analysis.html").read_text()
    assert 'id="path"' not in page
    assert 'id="constants"' in page
    assert not (home / "plots" / "cell_path.png").exists()


def test_an_rnn_alone_has_no_gates_and_says_so(lstmkit: Command, reviews: Path, tmp_path: Path) -> None:
    home = train_one(lstmkit, reviews, tmp_path / "run", "--set", "model.cell=rnn")
    done = lstmkit("analyze", home, "--examples", 5)
    assert done.status == 0, done.err
    page = (home / "analysis.html").read_text()
    assert "a plain RNN has no gates and no cell state" in page
    assert 'id="constants"' not in page
    assert 'id="loss"' in page


def test_sequences_of_one_token(lstmkit: Command, tmp_path: Path) -> None:
    source = tmp_path / "single.csv"
    lines = [("fine,pos", "poor,neg")[k % 2] for k in range(80)]
    source.write_text("\n".join(["text,label", *lines]) + "\n")
    home = train_one(lstmkit, source, tmp_path / "run")
    done = lstmkit("analyze", home)
    assert done.status == 0, done.err
    assert "LSTM: gradient flow left out: every example analysed is one token long" in done.err
    page = (home / "analysis.html").read_text()
    assert "every example analysed is one token long" in page
    assert 'id="loss"' not in page
    assert 'id="constants"' in page
    curve = record(home)["models"]["lstm"]["networks"]["trained"]["layers"][0][0]["flow"]["loss_by_hidden"]
    assert (curve["reach"], curve["half_life"], curve["vanishes"]) == (1, None, None)


def refused(lstmkit: Command, folder: Path, *words: str) -> None:
    done = lstmkit("analyze", folder)
    assert done.status == 2
    assert done.out == ""
    (line,) = done.err.splitlines()[-1:]
    assert line.startswith("error: ")
    for word in words:
        assert word in line
    assert not (folder / "analysis.json").exists()


def test_what_is_no_finished_run_is_refused_in_a_line(lstmkit: Command, lab: Path, tmp_path: Path) -> None:
    refused(lstmkit, tmp_path / "nowhere", "no such folder; give the --out of a train or lab")
    (tmp_path / "empty").mkdir()
    refused(lstmkit, tmp_path / "empty", "not a run folder (no lab.json, no config.toml)")
    refused(lstmkit, lab / "lstm" / "model", "a model without its run has no test data")
    (lab / "lstm" / "evaluation.json").unlink()
    refused(lstmkit, lab / "lstm", "the run is not finished; finish it with --resume")
    (lab / "lab.json").unlink()
    refused(lstmkit, lab, "the run is not finished; finish it with --resume")


def test_a_damaged_model_is_refused(lstmkit: Command, lab: Path) -> None:
    weights = lab / "rnn" / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    refused(lstmkit, lab, "model.safetensors", "damaged or altered")


@pytest.mark.parametrize("checkpoints", [True, False], ids=["with checkpoints", "without"])
def test_data_that_have_changed_are_refused(
    lstmkit: Command, reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, checkpoints: bool
) -> None:
    monkeypatch.setattr(analysis, "draw_analysis", undrawn)
    home = train_one(lstmkit, reviews, tmp_path / "run")
    if not checkpoints:
        shutil.rmtree(home / "checkpoints")
        assert lstmkit("analyze", home, "--examples", 3).status == 0
        (home / "analysis.json").unlink()
    write_reviews(reviews, n=200)
    refused(lstmkit, home, "the data of reviews have changed since this run was trained; put them back, or train again")
    reviews.unlink()
    refused(lstmkit, home, "reviews.csv: no such file or folder")


def test_an_instrument_that_is_off_the_engine_is_not_believed(
    lstmkit: Command, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def off(*arguments: Any) -> Any:
        hidden, cell, gates = lstm(*arguments)
        return hidden * 1.001, cell, gates

    lstm = traced._CELLS["lstm"]
    monkeypatch.setitem(traced._CELLS, "lstm", off)
    done = lstmkit("analyze", lab, "--examples", 5)
    assert done.status == 1
    assert "off the engine native, at most 1e-05 is rounding; lstmkit doctor checks the engine" in done.err
    assert not (lab / "analysis.json").exists()


@pytest.mark.parametrize("options", [("--examples", 0), ("--seed", -1), ("--engine", "native")])
def test_options_that_are_not_allowed(lstmkit: Command, lab: Path, options: tuple[object, ...]) -> None:
    done = lstmkit("analyze", lab, *options)
    assert done.status == 2
    assert done.err.startswith("error: ")
