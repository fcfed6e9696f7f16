"""`lstmkit compare`: one protocol for all, choices on validation alone, the test part once, any death resumed."""

import json
import os
import re
import signal
import tomllib
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import binomtest, t
from small_runs import SMALL, Command, write_reviews

from lstmkit.cli import compare as command_module
from lstmkit.cli.main import run
from lstmkit.experiment import compare, opponents, rates, single
from lstmkit.train import loop

OPTIONS = ["--epochs", 2, "--seeds", 2, "--rates", "0.02,0.002", "--seed", 5, "--threads", 1, *SMALL]
CELLS = ("lstm", "gru", "rnn")
SEEDS = (5, 6)


def undrawn(folder: Path) -> Path:
    """An empty page, where a run would draw its own; drawing has its own tests."""
    (folder / "report.html").write_text("")
    return folder / "report.html"


@pytest.fixture(autouse=True)
def quick_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The networks' own pages are left undrawn."""
    monkeypatch.setattr(single, "draw_run", undrawn)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Any]]:
    """A comparison that was never stopped: its source, its folder, and what was counted on the way."""
    place = tmp_path_factory.mktemp("whole")
    source = write_reviews(place / "reviews.csv")
    seen: dict[str, Any] = {"scored": 0, "firsts": {}}
    real_scores, real_step = single.probabilities, loop.train_step

    def scores(*arguments: Any) -> Any:
        seen["scored"] += 1
        return real_scores(*arguments)

    def step(network: Any, optimizer: Any, criterion: Any, batch: Any, labels: Any, clip: float) -> Any:
        rows = seen["firsts"].setdefault(network.recurrence.cell, [])
        rows.append((network.embedding.weight.detach().clone(), batch.rows.clone(), labels.clone()))
        return real_step(network, optimizer, criterion, batch, labels, clip)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LSTMKIT_CACHE", str(place / "cache"))
        patch.setattr(single, "draw_run", undrawn)
        patch.setattr(single, "probabilities", scores)
        patch.setattr(loop, "train_step", step)
        with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
            status = run([str(word) for word in ("compare", source, "--out", place / "duel", *OPTIONS)])
    seen |= {"out": out.getvalue(), "err": err.getvalue()}
    assert status == 0, seen["err"]
    return source, place / "duel", seen


def record_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "compare.json").read_text())


def untimed(value: Any) -> Any:
    """A record without what differs from run to run: times."""
    if isinstance(value, dict):
        return {key: untimed(item) for key, item in value.items() if not key.startswith("seconds")}
    return [untimed(item) for item in value] if isinstance(value, list) else value


def jsonl(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_network_is_a_run_folder_and_the_record_has_their_figures(whole: tuple[Path, Path, Any]) -> None:
    _, folder, _ = whole
    record = record_of(folder)
    assert record["seeds"] == list(SEEDS)
    assert list(record["models"]) == list(CELLS)
    for cell, model in record["models"].items():
        assert [one["seed"] for one in model["runs"]] == list(SEEDS)
        for one in model["runs"]:
            assert one["folder"] == f"{cell}/rate-{model['learning_rate']:g}-seed-{one['seed']}"
            evaluation = json.loads((folder / one["folder"] / "evaluation.json").read_text())
            assert (one["accuracy"], one["accuracy_ci95"]) == (evaluation["accuracy"], evaluation["accuracy_ci95"])
            assert (folder / one["folder"] / "model" / "model.safetensors").exists()
        accuracies = [one["accuracy"] for one in model["runs"]]
        mean = sum(accuracies) / 2
        assert model["accuracy_mean"] == pytest.approx(mean)
        half = t.ppf(0.975, 1) * abs(accuracies[0] - accuracies[1]) / 2  # sd / sqrt(2) of two values
        ends = pytest.approx([max(0, mean - half), min(1, mean + half)]) if half else None
        assert model["accuracy_seeds_ci95"] == ends
        assert sum(group["n"] for group in model["accuracy_by_length"]) == record["n_test"]
        assert len(model["accuracy_by_length"]) >= 3
    assert set(record["baselines"]) == {"linear", "majority"}


def test_differences_and_tests_follow_from_the_predictions(whole: tuple[Path, Path, Any]) -> None:
    _, folder, _ = whole
    record = record_of(folder)
    correct = {
        cell: [
            [row["label"] == row["predicted"] for row in jsonl(folder / one["folder"] / "predictions.jsonl")]
            for one in record["models"][cell]["runs"]
        ]
        for cell in CELLS
    }
    correct["linear"] = [[row["label"] == row["predicted"] for row in jsonl(folder / "linear/predictions.jsonl")]] * 2
    assert len(record["pairs"]) == 6
    for pair in record["pairs"]:
        one, other = correct[pair["one"]], correct[pair["other"]]
        by_seed = [(sum(a) - sum(b)) / len(a) for a, b in zip(one, other, strict=True)]
        assert pair["by_seed"] == pytest.approx(by_seed)
        assert pair["difference"] == pytest.approx(sum(by_seed) / 2)
        assert pair["examples_ci95"][0] <= pair["difference"] <= pair["examples_ci95"][1]
        for test, a, b in zip(pair["mcnemar"], one, other, strict=True):
            n_one = sum(x and not y for x, y in zip(a, b, strict=True))
            n_other = sum(y and not x for x, y in zip(a, b, strict=True))
            assert (test["one_only"], test["other_only"]) == (n_one, n_other)
            if n_one + n_other:
                assert test["p"] == pytest.approx(binomtest(n_one, n_one + n_other).pvalue)


def test_the_rate_is_the_best_on_validation_and_the_test_part_is_scored_once_for_each_network(
    whole: tuple[Path, Path, Any],
) -> None:
    _, folder, seen = whole
    record = record_of(folder)
    assert seen["scored"] == len(CELLS) * len(SEEDS)
    for cell, model in record["models"].items():
        assert [tried["rate"] for tried in model["search"]] == record["rates"] == [0.002, 0.02]
        for tried in model["search"]:
            place = folder / cell / f"rate-{tried['rate']:g}-seed-5"
            history = jsonl(place / "history.jsonl")
            assert tried["valid_accuracy"] == max(epoch["valid_accuracy"] for epoch in history)
            assert history[tried["best_epoch"] - 1]["valid_accuracy"] == tried["valid_accuracy"]
            chosen = tried["rate"] == model["learning_rate"]
            for name in ("evaluation.json", "predictions.jsonl", "model", "checkpoints/last.safetensors"):
                assert (place / name).exists() == chosen
        best = max(model["search"], key=lambda tried: (tried["valid_accuracy"], -tried["valid_loss"]))
        assert model["learning_rate"] == best["rate"]
    assert len({model["learning_rate"] for model in record["models"].values()}) <= 2


def test_one_switch_is_changed(whole: tuple[Path, Path, Any]) -> None:
    """Configurations differ in cell, rate and seed; embedding, splits and batches are those of the seed."""
    _, folder, seen = whole
    record = record_of(folder)
    configurations = [
        tomllib.loads((folder / one["folder"] / "config.toml").read_text())
        for model in record["models"].values()
        for one in model["runs"]
    ]
    for configuration in configurations:
        assert configuration["data"]["split_seed"] == 5
        configuration.pop("seed")
        configuration["model"].pop("cell")
        configuration["train"].pop("learning_rate")
    assert all(configuration == configurations[0] for configuration in configurations)
    ids = {
        tuple(row["id"] for row in jsonl(folder / one["folder"] / "predictions.jsonl"))
        for model in record["models"].values()
        for one in model["runs"]
    }
    assert len(ids) == 1
    n_steps = len(seen["firsts"]["lstm"]) // 3  # two rates with the first seed, one with the second
    first, second, third = ([seen["firsts"][cell][k * n_steps] for cell in CELLS] for k in range(3))
    for embedding, rows, labels in [*first, *second]:
        assert (embedding == first[0][0]).all()
        assert (rows == first[0][1]).all()
        assert (labels == first[0][2]).all()
    for embedding, rows, _ in third:
        assert (embedding == third[0][0]).all()
        assert (embedding != first[0][0]).any()
        assert (rows == third[0][1]).all()
        assert rows.shape != first[0][1].shape or (rows != first[0][1]).any()


def test_a_network_of_another_seed_stays_a_run_like_any_other(
    whole: tuple[Path, Path, Any], lstmkit: Command, tmp_path: Path
) -> None:
    """Its configuration fed back cuts the comparison's splits, not those of its own seed, and trains the same bits."""
    source, folder, _ = whole
    place = folder / record_of(folder)["models"]["gru"]["runs"][1]["folder"]
    done = lstmkit("train", source, "--config", place / "config.toml", "--out", tmp_path / "again")
    assert done.status == 0, done.err
    for name in ("model/model.safetensors", "predictions.jsonl", "config.toml"):
        assert (tmp_path / "again" / name).read_bytes() == (place / name).read_bytes()
    done = lstmkit("evaluate", place)
    assert done.status == 0, done.err
    assert "the accuracy agrees with evaluation.json" in done.err


def test_what_is_printed(whole: tuple[Path, Path, Any]) -> None:
    _, folder, seen = whole
    out, err = seen["out"], seen["err"]
    networks = re.findall(
        r"^\[(\d+)/9\] (\w+), rate \S+, seed (\d): validation .*% at epoch \d of 2, ", out, re.MULTILINE
    )
    assert [int(number) for number, *_ in networks] == list(range(1, 10))
    assert Counter((cell, seed) for _, cell, seed in networks) == {
        (cell, seed): n for cell in ("LSTM", "GRU", "RNN") for seed, n in (("5", 2), ("6", 1))
    }
    assert "Epoch 1/" not in out, "many networks, a line each"
    record = record_of(folder)
    assert record["verdict"]["summary"] in out
    for caveat in record["verdict"]["caveats"]:
        assert f"- {caveat}\n" in out
    for cell in ("LSTM", "GRU", "RNN"):
        assert re.search(rf"^{cell} +8 ", out, re.MULTILINE)
        assert re.search(rf"^{cell}: 8 units, \d+ parameters; engine: ", err, re.MULTILINE)
    for pair in record["pairs"]:
        assert re.search(rf"^[A-Z]+ - .*{100 * pair['difference']:+.2f} .*{pair['outcome']}$", out, re.MULTILINE)
    assert err.endswith(f"report: {folder / 'report.html'}\n")


def test_equal_parameters(lstmkit: Command, reviews: Path, tmp_path: Path) -> None:
    options = ["--match", "parameters", "--epochs", 1, "--seeds", 1, "--rates", "0.01", "--threads", 1, *SMALL]
    done = lstmkit("compare", reviews, "--out", tmp_path / "duel", *options)
    assert done.status == 0, done.err
    models = record_of(tmp_path / "duel")["models"]
    n = models["lstm"]["parameters"]["total"]
    assert models["lstm"]["hidden_size"] == 8
    assert 8 < models["gru"]["hidden_size"] < models["rnn"]["hidden_size"]
    for model in models.values():
        assert model["parameters"]["total"] == pytest.approx(n, rel=0.05)
        # One unit more has a row and a column more in each gate.
        (run,) = model["runs"]
        config = tomllib.loads((tmp_path / "duel" / run["folder"] / "config.toml").read_text())
        assert config["model"]["hidden_size"] == model["hidden_size"]
    assert "one seed" in done.out


def dying(real: Callable[..., Any], number: int, at: int) -> Callable[..., Any]:
    """The same function, in whose call of this number the process gets a signal."""
    calls = iter(range(1, 10_000))

    def function(*arguments: Any, **options: Any) -> Any:
        if next(calls) == at:
            os.kill(os.getpid(), number)
        return real(*arguments, **options)

    return function


# Each life ends at the call of a function: in a step of the second rate, between rates, before one is noted, in the
# linear baseline, in a later seed's training, in scoring, before the record, and in drawing.
DEATHS: list[tuple[Any, str, int]] = [
    (loop, "train_step", 15),
    (rates, "train_and_choose", 2),
    (compare, "write_json", 1),
    (compare, "best_of", 2),
    (opponents, "linear_baseline", 1),
    (loop, "train_step", 9),
    (single, "probabilities", 2),
    (compare, "comparison", 1),
    (compare, "draw_compare", 1),
]


def test_a_comparison_that_dies_again_and_again_ends_in_the_same_record(
    whole: tuple[Path, Path, Any], lstmkit: Command, tmp_path: Path
) -> None:
    source, expected, _ = whole
    folder = tmp_path / "duel"
    command = ["compare", source, "--out", folder, *OPTIONS]
    trained: list[str] = []
    for place, name, at in DEATHS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(place, name, dying(getattr(place, name), signal.SIGTERM, at))
            done = lstmkit(*command, *(["--resume"] if folder.exists() else []))
        assert done.status == 143, (name, done.err)
        assert "--resume goes on from it" in done.err.splitlines()[-1]
        assert not (folder / "report.html").exists()
        trained += re.findall(r"^\[\d/9\] (.*?):", done.out, re.M)
    done = lstmkit(*command, "--resume")
    assert done.status == 0, done.err
    trained += re.findall(r"^\[\d/9\] (.*?):", done.out, re.M)
    assert len(trained) == len(set(trained)) == 9, "nothing is trained twice"
    assert untimed(record_of(folder)) == untimed(record_of(expected))
    assert not list(folder.rglob(".*.partial"))


def test_report_of_a_comparison_that_is_not_finished(
    whole: tuple[Path, Path, Any], lstmkit: Command, tmp_path: Path
) -> None:
    source, _, _ = whole
    folder = tmp_path / "duel"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare, "best_of", dying(compare.best_of, signal.SIGINT, 1))
        assert lstmkit("compare", source, "--out", folder, *OPTIONS).status == 130
    done = lstmkit("report", folder)
    assert done.status == 2
    assert done.err == f"error: {folder}: the run is not finished; finish it with --resume\n"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_finished_comparison_stays_as_it_is(whole: tuple[Path, Path, Any], lstmkit: Command, tmp_path: Path) -> None:
    source, folder, _ = whole
    before = contents(folder)
    command = ["compare", source, "--out", folder, *OPTIONS]
    done = lstmkit(*command)
    assert done.status == 2
    assert "holds a run, which is never written over; add --resume" in done.err
    for more, words in [
        (["--seeds", 3], "was begun with another request: --seeds (2 there, 3 here)"),
        (["--rates", "0.02"], "--rates (0.002,0.02 there, 0.02 here)"),
        (["--match", "parameters"], "--match (width there, parameters here)"),
        (["--epochs", 3], "was begun with another configuration: train.epochs (2 there, 3 here)"),
        (["--seed", 0], "seed (5 there, 0 here)"),
    ]:
        done = lstmkit(*command, *more, "--resume")
        assert done.status == 2
        assert words in done.err
        assert done.err.count("\n") == 1
    for other in ("lab", "train"):
        options = ["--epochs", 2, "--seed", 5, "--threads", 1, "--preset", "lab", *SMALL]
        done = lstmkit(other, source, "--out", folder, *options, "--resume")
        assert done.status == 2
        assert "holds a comparison; go on with it by lstmkit compare" in done.err
    source.rename(tmp_path / "away.csv")
    try:
        done = lstmkit(*command, "--resume")
    finally:
        (tmp_path / "away.csv").rename(source)
    assert (done.status, done.out) == (0, "")
    assert "this run is finished" in done.err
    assert contents(folder) == before


def test_a_comparison_does_not_go_on_with_another_run_or_other_data(
    lstmkit: Command, reviews: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    options = ["--epochs", 1, "--threads", 1, *SMALL]
    assert lstmkit("train", reviews, "--preset", "lab", "--out", folder, *options).status == 0
    done = lstmkit("compare", reviews, "--out", folder, *options, "--resume")
    assert done.status == 2
    assert "holds a run that is no comparison" in done.err
    duel = tmp_path / "duel"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare, "best_of", dying(compare.best_of, signal.SIGINT, 1))
        assert lstmkit("compare", reviews, "--out", duel, *options).status == 130
    write_reviews(reviews, seed=1)
    before = contents(duel)
    done = lstmkit("compare", reviews, "--out", duel, *options, "--resume")
    assert done.status == 2
    assert "the data have changed since this run was begun" in done.err
    assert contents(duel) == before


def test_a_rate_at_which_training_fails_is_not_chosen(lstmkit: Command, reviews: Path, tmp_path: Path) -> None:
    options = ["--epochs", 1, "--seeds", 1, "--threads", 1, *SMALL]
    folder = tmp_path / "duel"
    done = lstmkit("compare", reviews, "--out", folder, "--rates", "0.01,1e38", *options)
    assert done.status == 0, done.err
    record = record_of(folder)
    for model in record["models"].values():
        assert model["learning_rate"] == 0.01
        assert model["search"][1]["valid_accuracy"] is None
        assert "not finite" in model["search"][1]["failure"]
    assert "not finite" in (folder / "report.html").read_text()
    assert "[2/6] LSTM, rate 1e+38, seed 0: epoch 1, " in done.out
    done = lstmkit("compare", reviews, "--out", tmp_path / "failed", "--rates", "1e38", *options)
    assert done.status == 1
    assert "training failed at every learning rate of the grid" in done.err.splitlines()[-1]


def test_report_draws_it_again_without_a_model(whole: tuple[Path, Path, Any], lstmkit: Command) -> None:
    _, folder, _ = whole
    page = (folder / "report.html").read_bytes()
    plots = sorted(path.name for path in (folder / "plots").iterdir())
    assert plots == sorted(
        f"{name}.{suffix}"
        for name in ("test_accuracy", "differences", "learning_rates", "validation", "accuracy_by_length")
        for suffix in ("png", "svg")
    )
    hidden = list(folder.rglob("*.safetensors"))
    assert hidden
    for path in hidden:
        path.rename(path.with_suffix(".hidden"))
    try:
        (folder / "report.html").unlink()
        done = lstmkit("report", folder)
    finally:
        for path in hidden:
            path.with_suffix(".hidden").rename(path)
    assert (done.status, done.out) == (0, f"{folder / 'report.html'}\n")
    assert (folder / "report.html").read_bytes() == page


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--seeds", 0], "Invalid value for '--seeds'"),
        (["--seeds", "many"], "Invalid value for '--seeds'"),
        (["--rates", ""], "--rates: an empty grid; give one rate or more, as --rates 0.001,0.003"),
        (["--rates", " , "], "--rates: an empty grid"),
        (["--rates", "0.001,0"], "'0' is no learning rate; rates are numbers above 0"),
        (["--rates", "-0.1"], "'-0.1' is no learning rate"),
        (["--rates", "0.001,,0.003"], "'' is no learning rate"),
        (["--rates", "0.001;0.003"], "'0.001;0.003' is no learning rate"),
        (["--rates", "nan"], "'nan' is no learning rate"),
        (["--rates", "inf"], "'inf' is no learning rate"),
        (["--rates", "0.001,1e-3"], "a rate stands there twice; name each once"),
        (["--match", "size"], "--match size: what is matched is width or parameters; choose one"),
        (["--set", "model.cell=gru"], "compare trains lstm, gru, rnn, so model.cell = 'gru' has no place"),
        (["--set", "train.learning_rate=0.01"], "compare chooses train.learning_rate for each cell on validation"),
        (["--engine", "native"], "the native engine runs LSTMs alone, no gru"),
        (["--seed", 2147483647], "seed = 2147483649: input should be less than 2147483648"),
        (["--resume"], "--resume needs to know the run"),
        (["--resume", "--out", "none"], "none: no run to resume"),
        (["--preset", "defualt"], "preset 'defualt' is unknown"),
        (["--set", "train.epoch=1"], "did you mean 'train.epochs'?"),
    ],
)
def test_a_bad_request_is_one_line_and_leaves_nothing(
    lstmkit: Command, reviews: Path, options: list[Any], words: str
) -> None:
    done = lstmkit("compare", reviews, *options)
    assert done.status == 2
    assert words in done.err
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert list(Path().iterdir()) == []


def test_too_few_examples_leave_nothing(lstmkit: Command, tmp_path: Path) -> None:
    source = tmp_path / "few.csv"
    source.write_text("text,label\na fine film,pos\na good film,pos\na bad film,neg\n")
    done = lstmkit("compare", source, "--out", "duel")
    assert done.status == 2
    assert "label 'neg' has 1 example; cutting train, test and valid needs 3" in done.err
    assert list(Path().iterdir()) == []


def test_the_grid_that_help_names_is_the_one_that_is_taken(lstmkit: Command) -> None:
    assert ",".join(f"{rate:g}" for rate in rates.RATES) in lstmkit("compare", "--help").out
    assert command_module.compare.__doc__


@pytest.mark.parametrize(
    ("select_by", "rows", "chosen"),
    [
        ("accuracy", [(0.001, 0.8, 0.5), (0.003, 0.9, 0.7), (0.01, 0.7, 0.4)], 0.003),
        ("loss", [(0.001, 0.8, 0.5), (0.003, 0.9, 0.7), (0.01, 0.7, 0.4)], 0.01),
        ("accuracy", [(0.001, 0.9, 0.7), (0.003, 0.9, 0.6)], 0.003),
        ("accuracy", [(0.001, 0.9, 0.6), (0.003, 0.9, 0.6)], 0.001),
        ("accuracy", [(0.001, None, None), (0.003, 0.1, 5.0)], 0.003),
    ],
)
def test_the_best_rate(select_by: Any, rows: list[tuple[float, float | None, float | None]], chosen: float) -> None:
    tried = [rates.Tried(rate, accuracy, loss) for rate, accuracy, loss in rows]
    assert rates.best_of(tried, select_by).rate == chosen
