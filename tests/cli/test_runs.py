"""train, lab, evaluate, predict, report and data, from the command line to the files they leave."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from small_runs import SMALL, Command, write_reviews

from lstmkit.experiment.claims import SENTENCES

EPOCH_LINE = re.compile(
    r"Epoch \d+/\d+ - Loss: \d+\.\d{4}, Accuracy: \d+\.\d{2}% - Val loss: \d+\.\d{4}, Val accuracy: \d+\.\d{2}%"
)
RUN_FILES = (
    "config.toml",
    "history.jsonl",
    "evaluation.json",
    "predictions.jsonl",
    "details.json",
    "environment.json",
    "report.html",
    "model/model.safetensors",
    "model/model.json",
    "model/tokenizer.json",
    "checkpoints/last.safetensors",
    "plots/loss.png",
    "plots/loss.svg",
    "plots/accuracy.png",
    "plots/confusion_matrix.png",
)


def jsonl(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def run_folder(lstmkit: Command, reviews: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    done = lstmkit("train", reviews, "--out", folder, "--epochs", 3, *SMALL)
    assert done.status == 0, done.err
    return folder


def test_train_leaves_the_contract_s_files(lstmkit: Command, reviews: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    done = lstmkit("train", reviews, "--out", folder, "--epochs", 10, "--set", "train.learning_rate=0.05", *SMALL)
    assert done.status == 0, done.err
    assert len(EPOCH_LINE.findall(done.out)) == 10
    assert "engine: native (compiled, " in done.err
    for name in RUN_FILES:
        assert (folder / name).stat().st_size > 0, name
    evaluation = json.loads((folder / "evaluation.json").read_text())
    assert set(evaluation) == {
        *("split", "n", "accuracy", "accuracy_ci95", "loss", "macro_f1", "per_class", "confusion_matrix", "labels"),
        *("calibration_error", "baselines"),
    }
    assert evaluation["accuracy"] > 0.8
    low, high = evaluation["accuracy_ci95"]
    assert low < evaluation["accuracy"] <= high
    assert set(evaluation["baselines"]) == {"linear", "majority"}
    assert f"{evaluation['accuracy']:.2%}" in done.out
    assert re.search(r"linear baseline: 92 texts, \d+ features; C is one of 1, 3, 10, 30, 100\n", done.err)
    assert len(re.findall(r"linear baseline: C \d+: \d+\.\d\d% on validation\n", done.err)) == 5
    predictions = jsonl(folder / "predictions.jsonl")
    assert len(predictions) == evaluation["n"]
    assert set(predictions[0]) == {"id", "label", "predicted", "probability", "probabilities"}
    history = jsonl(folder / "history.jsonl")
    assert set(history[0]) == {
        *("epoch", "train_loss", "train_accuracy", "valid_loss", "valid_accuracy", "learning_rate", "seconds"),
        "tokens_per_second",
    }


def test_a_configuration_fed_back_trains_the_same_model(
    lstmkit: Command, reviews: Path, run_folder: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    done = lstmkit("train", reviews, "--out", again, "--config", run_folder / "config.toml")
    assert done.status == 0, done.err
    weights = "model/model.safetensors"
    assert (again / weights).read_bytes() == (run_folder / weights).read_bytes()
    assert (again / "config.toml").read_bytes() == (run_folder / "config.toml").read_bytes()
    assert (again / "predictions.jsonl").read_bytes() == (run_folder / "predictions.jsonl").read_bytes()


@pytest.mark.parametrize("cell", ["gru", "rnn"])
@pytest.mark.parametrize("preset", ["lab", "default"])
def test_every_cell_works_in_every_preset(
    lstmkit: Command, reviews: Path, tmp_path: Path, cell: str, preset: str
) -> None:
    folder = tmp_path / "run"
    done = lstmkit(
        "train", reviews, "--out", folder, "--preset", preset, "--set", f"model.cell={cell}", "--epochs", 1, *SMALL
    )
    assert done.status == 0, done.err
    assert tomllib.loads((folder / "config.toml").read_text())["model"]["cell"] == cell


def test_lab_makes_two_runs_and_one_page(lstmkit: Command, reviews: Path, tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    done = lstmkit("lab", reviews, "--out", folder, "--epochs", 2, *SMALL)
    assert done.status == 0, done.err
    assert len(EPOCH_LINE.findall(done.out)) == 4
    lab = json.loads((folder / "lab.json").read_text())
    assert set(lab) == {"source", "models", "baselines", "claims"}
    assert set(lab["models"]["lstm"]) == {"parameters", "accuracy", "accuracy_ci95", "macro_f1", "seconds"}
    configs = {cell: tomllib.loads((folder / cell / "config.toml").read_text()) for cell in ("lstm", "rnn")}
    assert configs["lstm"].pop("model") == configs["rnn"].pop("model") | {"cell": "lstm"}
    assert configs["lstm"] == configs["rnn"]
    for cell in ("lstm", "rnn"):
        evaluation = json.loads((folder / cell / "evaluation.json").read_text())
        assert lab["models"][cell]["accuracy"] == evaluation["accuracy"]
    page = (folder / "report.html").read_text()
    assert "85.95%, on a data set that it does not name" in page
    assert [one["sentence"] for one in lab["claims"]] == sorted(
        (one["sentence"] for one in lab["claims"]), key=SENTENCES.index
    )
    assert {one["sentence"] for one in lab["claims"]} == set(SENTENCES)
    evidence = json.loads((folder / "evidence.json").read_text())
    assert [gap for gap in evidence["left_out"] if not gap["part"].startswith("an example")] == []
    for one in evidence["explained"]:
        assert (folder / "explanations" / f"{one['kind']}.html").exists()
        assert f'href="explanations/{one["kind"]}.html"' in page
    for target in re.findall(r'href="#(figure-[^"]+)"', page):
        assert f'id="{target}"' in page
    for other in ("analysis.html", "memory/report.html"):
        assert (folder / other).exists()
        assert f'href="{other}"' in page
    # A lab folder stands for its LSTM.
    one = lstmkit("predict", folder, "a fine film")
    other = lstmkit("predict", folder / "lstm", "a fine film")
    assert one.status == 0
    assert one.out == other.out


def test_a_killed_lab_goes_on_and_measures_nothing_twice(lstmkit: Command, reviews: Path, tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    arguments = ("lab", reviews, "--out", folder, "--epochs", 1, *SMALL)
    assert lstmkit(*arguments).status == 0
    whole = json.loads((folder / "lab.json").read_text())
    kept = [folder / "analysis.json", *sorted((folder / "memory" / "networks").iterdir())]
    stamps = [path.stat().st_mtime_ns for path in kept]
    assert len(kept) == 5  # two tasks, two cells, one lag
    for name in ("report.html", "evidence.json", "memory/report.html", "memory/probe.json"):
        (folder / name).unlink()
    (folder / "explanations").rename(tmp_path / "explained")
    done = lstmkit(*arguments, "--resume")
    assert done.status == 0, done.err
    assert [path.stat().st_mtime_ns for path in kept] == stamps
    assert json.loads((folder / "lab.json").read_text()) == whole
    for path in (tmp_path / "explained").glob("*.json"):
        assert path.read_bytes() == (folder / "explanations" / path.name).read_bytes()


def test_lab_leaves_the_cell_to_the_experiment(lstmkit: Command, reviews: Path, tmp_path: Path) -> None:
    done = lstmkit("lab", reviews, "--out", tmp_path / "lab", "--set", "model.cell=gru")
    assert done.status == 2
    assert "lab trains an lstm and an rnn" in done.err
    assert not (tmp_path / "lab").exists()


def test_refit_trains_again_on_training_and_validation(lstmkit: Command, reviews: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    done = lstmkit("train", reviews, "--out", folder, "--epochs", 3, "--set", "train.refit=true", *SMALL)
    assert done.status == 0, done.err
    again = jsonl(folder / "history_refit.jsonl")
    best = json.loads((folder / "details.json").read_text())["best_epoch"]
    assert len(again) == best
    assert all(row["valid_loss"] is None for row in again)
    done = lstmkit("train", reviews, "--out", folder, "--epochs", 3, "--set", "train.refit=true", "--resume", *SMALL)
    assert done.status == 0


def test_predict_keeps_order_and_counts_lines(lstmkit: Command, run_folder: Path, tmp_path: Path) -> None:
    texts = ["a fine film", "bad", "the plot was dull , the actor great", "good"]
    source = tmp_path / "in.txt"
    source.write_text("".join(text + "\n" for text in texts))
    rows = [json.loads(line) for line in lstmkit("predict", run_folder, "--input", source).out.splitlines()]
    assert [row["text"] for row in rows] == texts
    assert [row["line"] for row in rows] == [1, 2, 3, 4]
    for row, text in zip(rows, texts, strict=True):
        assert sum(row["probabilities"].values()) == pytest.approx(1.0)
        alone = json.loads(lstmkit("predict", run_folder, text).out)
        assert alone["probability"] == pytest.approx(row["probability"], abs=1e-6)


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_predict_writes_tables(lstmkit: Command, run_folder: Path, tmp_path: Path, suffix: str) -> None:
    source = write_reviews(tmp_path / "new.csv", n=10, seed=5)
    target = tmp_path / f"out{suffix}"
    done = lstmkit("predict", run_folder, "--input", source, "--output", target)
    assert (done.status, done.out) == (0, ""), done.err
    if suffix == ".parquet":
        from pyarrow import parquet

        assert parquet.read_table(target).num_rows == 10
    else:
        assert len(target.read_text().splitlines()) == 10 + (suffix == ".csv")


def test_predict_does_not_take_a_row_of_several_fields_for_a_text(
    lstmkit: Command, run_folder: Path, tmp_path: Path
) -> None:
    source = tmp_path / "in.csv"
    source.write_text("id;review\n1;a fine film\n")
    done = lstmkit("predict", run_folder, "--input", source)
    assert done.status == 2
    assert "one column ('id;review'); its fields look separated by semicolons; read it with --delimiter ';'" in done.err
    done = lstmkit("predict", run_folder, "--input", source, "--text-column", "review")
    assert done.status == 2
    assert "one column ('id;review'); its fields look separated by semicolons" in done.err
    done = lstmkit("predict", run_folder, "--input", source, "--text-column", "id;review")
    assert done.status == 0


def test_an_empty_text_is_an_error_by_line_or_is_listed(lstmkit: Command, run_folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text("fine\n\n  \nbad\n")
    target = tmp_path / "out.jsonl"
    done = lstmkit("predict", run_folder, "--input", source, "--output", target)
    assert done.status == 2
    assert f"{source}:2: the text is empty" in done.err
    assert not target.exists()
    done = lstmkit("predict", run_folder, "--input", source, "--output", target, "--on-bad-row", "skip")
    assert done.status == 0
    assert [row["line"] for row in jsonl(target)] == [1, 4]
    assert f"skipped {source}:2: the text is empty" in done.err
    assert "skipped 2 rows" in done.err


def test_blank_lines_are_empty_texts_among_lines_and_no_rows_in_tables(
    lstmkit: Command, run_folder: Path, tmp_path: Path
) -> None:
    for name, content, lines in (
        ("a.csv", "text,id\na fine film,1\n\n \nbad,2\n", [2, 5]),
        ("a.tsv", "text\tid\na fine film\t1\n\nbad\t2\n", [2, 4]),
        ("a.jsonl", '{"text": "a fine film"}\n\n{"text": "bad"}\n', [1, 3]),
    ):
        (tmp_path / name).write_text(content)
        done = lstmkit("predict", run_folder, "--input", tmp_path / name)
        assert done.status == 0, done.err
        assert [json.loads(line)["line"] for line in done.out.splitlines()] == lines
    (tmp_path / "a.txt").write_text("a fine film\n\nbad\n")
    done = lstmkit("predict", run_folder, "--input", tmp_path / "a.txt")
    assert done.status == 2
    assert done.err.startswith(f"error: {tmp_path / 'a.txt'}:2: the text is empty; mend it, or leave such rows out")
    done = lstmkit("predict", run_folder, "--input", tmp_path / "a.txt", "--on-bad-row", "skip")
    assert [json.loads(line)["line"] for line in done.out.splitlines()] == [1, 3]


def test_a_table_with_semicolons_is_refused_with_what_to_do(lstmkit: Command, run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text;label\na fine film;pos\na bad film;neg\n")
    for command in (["predict", run_folder, "--input"], ["evaluate", run_folder], ["data", "info"]):
        done = lstmkit(*command, tmp_path / "a.csv")
        assert done.status == 2
        assert "its fields look separated by semicolons; read it with --delimiter ';'" in done.err


def test_a_run_keeps_and_says_what_the_audit_found(lstmkit: Command, reviews: Path, tmp_path: Path) -> None:
    rows = reviews.read_text().splitlines()
    (tmp_path / "twice.csv").write_text("\n".join([rows[0], *rows[1:], *rows[1:]]) + "\n")
    done = lstmkit("train", tmp_path / "twice.csv", "--out", tmp_path / "run", "--epochs", 1, *SMALL)
    assert done.status == 0, done.err
    warnings = json.loads((tmp_path / "run" / "details.json").read_text())["warnings"]
    assert [warning["kind"] for warning in warnings] == ["leak", "leak", "unfound"]
    assert [f"warning: {warning['line']}" for warning in warnings] == [
        line for line in done.err.splitlines() if line.startswith("warning: ")
    ]
    assert "also stand in train" in (tmp_path / "run" / "report.html").read_text()
    shown = lstmkit("data", "info", tmp_path / "twice.csv", "--set", "encoder.min_frequency=1")
    assert [f"  leak: {warning['line']}" for warning in warnings[:2]] == shown.out.splitlines()[-2:]


def test_evaluate_again_and_on_another_source(lstmkit: Command, run_folder: Path, tmp_path: Path) -> None:
    before = (run_folder / "evaluation.json").read_bytes()
    done = lstmkit("evaluate", run_folder)
    assert done.status == 0, done.err
    assert "agrees with evaluation.json" in done.err
    assert "text column: 'text' (by its name)\nlabel column: 'label' (by its name)\n" in done.err
    assert json.loads(done.out)["accuracy"] == json.loads(before)["accuracy"]
    other = write_reviews(tmp_path / "other.csv", n=30, seed=9)
    other.write_text(other.read_text().replace("text,label", "comment,kind", 1))
    done = lstmkit("evaluate", run_folder, other)
    assert done.status == 0, done.err
    assert "text column: 'comment' (by its name)\nlabel column: 'kind' (the column left)\n" in done.err
    assert json.loads(done.out)["n"] == 30
    assert "fitting the linear baseline again to the run's training data" in done.err
    assert len(re.findall(r"linear baseline: C \d+: ", done.err)) == 5
    (record,) = (run_folder / "evaluations").iterdir()
    assert set(json.loads(record.read_text())["baselines"]) == {"linear", "majority"}
    assert (run_folder / "evaluation.json").read_bytes() == before


def test_evaluate_says_how_many_examples_were_trained_on(lstmkit: Command, tmp_path: Path) -> None:
    """Thirty texts that occur once each, so that just the training part is known."""
    rows = [f"film number w{k} was {word},{label}" for k in range(15) for word, label in (("fine", "a"), ("dull", "b"))]
    source = tmp_path / "all.csv"
    source.write_text("\n".join(["text,label", *rows]) + "\n")
    folder = tmp_path / "run"
    assert lstmkit("train", source, "--out", folder, "--epochs", 1, *SMALL).status == 0
    splits = json.loads((folder / "details.json").read_text())["splits"]
    n_train = splits["train"]["n"]
    assert n_train < 30
    own = lstmkit("evaluate", folder)
    assert "stand in the run's training data" not in own.err
    assert json.loads(own.out)["n_in_training"] == 0
    shouted = tmp_path / "shouted.csv"
    shouted.write_text(
        "\n".join(["text,label", *rows])
        .upper()
        .replace("TEXT,LABEL", "text,label")
        .replace(",A", ",a")
        .replace(",B", ",b")
    )
    for other in (source, shouted):
        done = lstmkit("evaluate", folder, other)
        assert done.status == 0, done.err
        assert f"{n_train} of the 30 examples scored also stand in the run's training data" in done.err
        assert json.loads(done.out)["n_in_training"] == n_train
    refitted = tmp_path / "refitted"
    assert lstmkit("train", source, "--out", refitted, "--epochs", 1, "--set", "train.refit=true", *SMALL).status == 0
    done = lstmkit("evaluate", refitted, source)
    assert json.loads(done.out)["n_in_training"] == n_train + splits["valid"]["n"]


def test_evaluate_refuses_a_label_that_was_never_seen(lstmkit: Command, run_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("text,label\nfine,pos\nbad,neg\nso so,mixed\n")
    done = lstmkit("evaluate", run_folder, other)
    assert done.status == 2
    assert "other.csv:4: label 'mixed' is not one that the model knows (neg, pos)" in done.err


def test_report_needs_no_model(lstmkit: Command, run_folder: Path) -> None:
    page = (run_folder / "report.html").read_bytes()
    (run_folder / "report.html").unlink()
    for path in (run_folder / "model").iterdir():
        path.unlink()
    done = lstmkit("report", run_folder)
    assert done.status == 0, done.err
    assert (run_folder / "report.html").read_bytes() == page


def test_data_info_and_list(lstmkit: Command, reviews: Path) -> None:
    done = lstmkit("data", "info", reviews)
    assert done.status == 0, done.err
    for word in ("train", "valid", "test", "pos", "neg", "duplicates"):
        assert word in done.out
    listed = lstmkit("data", "list")
    assert listed.status == 0
    for name in ("digits", "imdb", "trec", "sst2", "banking77"):
        assert name in listed.out


def test_info_shows_empty_examples_and_fails_where_asked(lstmkit: Command, reviews: Path) -> None:
    with reviews.open("a") as file:
        file.write(" ,pos\n")
    n_lines = len(reviews.read_text().splitlines())
    done = lstmkit("data", "info", reviews)
    assert done.status == 0, done.err
    assert "rejected rows: 1" in done.out
    assert f"{reviews.name}:{n_lines}: the text is empty" in done.out
    strict = lstmkit("data", "info", reviews, "--on-bad-row", "fail")
    assert strict.status == 2
    assert f"{reviews.name}:{n_lines}: the text is empty" in strict.err


def test_an_engine_that_cannot_run_the_cell_is_refused_before_anything_is_written(
    lstmkit: Command, reviews: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    requests = (("train", "--set", "model.cell=gru"), ("lab",))
    for command, *rest in requests:
        done = lstmkit(command, reviews, "--out", folder, "--engine", "native", *rest)
        assert done.status == 2
        assert done.err.startswith("error: engine native cannot be used: the native engine runs LSTMs alone, no ")
        assert not folder.exists()


def test_doctor_checks_the_engine(lstmkit: Command) -> None:
    done = lstmkit("doctor")
    assert done.status == 0
    assert done.out.count(" ok: native against the formulas") == 1
    assert done.out.count(" ok: torch against the formulas") == 2  # GRU and RNN


def test_rejected_rows_are_listed(lstmkit: Command, reviews: Path, tmp_path: Path) -> None:
    with reviews.open("a") as file:
        file.write(" ,pos\nlonely\n")
    done = lstmkit("train", reviews, "--out", tmp_path / "strict", "--epochs", 1, *SMALL)
    assert done.status == 2
    assert not (tmp_path / "strict").exists()
    folder = tmp_path / "run"
    done = lstmkit("train", reviews, "--out", folder, "--epochs", 1, "--on-bad-row", "skip", *SMALL)
    assert done.status == 0, done.err
    assert len(jsonl(folder / "rejected.jsonl")) == 2
