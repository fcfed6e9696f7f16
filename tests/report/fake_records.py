"""Made-up records of runs and labs, in the shapes that training writes; for drawing without a model."""

import json
import math
import random
from pathlib import Path
from typing import Any

LOOP = """for batch in batches:
    logits = model(batch.tokens)
    loss = cross_entropy(logits, batch.labels)
    optimizer.zero_grad()
    loss.backward()
    clip_grad_norm_(model.parameters(), clip_norm)
    optimizer.step()
    tracker.add(loss, logits, batch.labels)
"""
REVIEW = (
    "I had looked forward to this one for months, and for an hour it seemed a <b>triumph</b>: the light, the pace, "
    "the two leads.<br /><br />Then the script remembers that it needs an ending, and everything that was left unsaid "
    "is said, twice, by people who would never say it. "
)


def interval(accuracy: float, n: int) -> list[float]:
    """Wilson's 95% interval."""
    z = 1.959964
    centre, spread = accuracy + z * z / (2 * n), z * math.sqrt(accuracy * (1 - accuracy) / n + z * z / (4 * n * n))
    return [max(0.0, (centre - spread) / (1 + z * z / n)), min(1.0, (centre + spread) / (1 + z * z / n))]


def history(n_epochs: int, start: float, end: float, n_classes: int, rng: random.Random) -> list[dict[str, Any]]:
    rows = []
    for epoch in range(1, n_epochs + 1):
        way = 1 - math.exp(-3 * epoch / n_epochs)
        train = start + (min(0.995, end + 0.09) - start) * way
        valid = start + (end - start) * min(1.0, 1.15 * way) - 0.004 * max(0, epoch - 0.7 * n_epochs)
        rows.append(
            {
                "epoch": epoch,
                "train_loss": math.log(n_classes) * (1.02 - train) + rng.uniform(0, 0.02),
                "train_accuracy": train,
                "valid_loss": math.log(n_classes) * (1.1 - valid) + 0.03 * epoch * way,
                "valid_accuracy": valid + rng.uniform(-0.004, 0.004),
                "learning_rate": 0.001,
                "seconds": 41.3 + rng.uniform(-1, 1),
                "tokens_per_second": 151234.5,
            }
        )
    return rows


def evaluation(labels: list[str], n: int, accuracy: float, rng: random.Random) -> dict[str, Any]:
    size = len(labels)
    matrix = [[0] * size for _ in labels]
    for index in range(n):
        true = index % size
        wrong = (true + rng.choice([1, 1, 1, 2, size // 2 or 1])) % size if size > 2 else 1 - true
        matrix[true][true if rng.random() < accuracy else wrong] += 1
    right = sum(matrix[i][i] for i in range(size))
    per_class = {}
    for index, name in enumerate(labels):
        n_true, n_said = sum(matrix[index]), sum(row[index] for row in matrix)
        recall, precision = matrix[index][index] / max(1, n_true), matrix[index][index] / max(1, n_said)
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        per_class[name] = {"precision": precision, "recall": recall, "f1": f1, "n": n_true}
    linear = min(0.99, accuracy + 0.04)
    return {
        "split": "test", "n": n, "accuracy": right / n, "accuracy_ci95": interval(right / n, n), "loss": 0.412,
        "macro_f1": sum(score["f1"] for score in per_class.values()) / size, "per_class": per_class,
        "confusion_matrix": matrix, "labels": labels, "calibration_error": 0.031,
        "baselines": {
            "linear": {"name": "TF-IDF over words 1 to 2 + logistic regression", "accuracy": linear,
                       "accuracy_ci95": interval(linear, n), "C": 10.0, "grid": {"1.0": 0.89, "10.0": linear},
                       "valid_accuracy": linear, "n_features": 151_203, "seconds": 21.7, "refit": True},
            "majority": {"label": labels[0], "accuracy": 1 / size, "accuracy_ci95": interval(1 / size, n)},
        },
    }  # fmt: skip


def mistakes(kind: str, labels: list[str], rng: random.Random) -> list[dict[str, Any]]:
    rows = []
    for number in range(20):
        if kind == "tokens":
            text = " ".join(str(max(0, min(16, int(rng.gauss(8 if 2 <= i % 8 <= 5 else 0, 5))))) for i in range(64))
        else:
            text = REVIEW * rng.randint(1, 6) if number % 3 else "Not the worst film I have seen; that was the sequel."
        true, predicted = labels[number % len(labels)], labels[(number + 1) % len(labels)]
        rows.append({"id": f"test:{number * 37}", "text": text, "label": true, "predicted": predicted,
                     "probability": 0.9995 - 0.003 * number})  # fmt: skip
    return rows


def write_run(
    folder: Path,
    *,
    cell: str = "lstm",
    labels: list[str] | None = None,
    source: str = "imdb",
    title: str = "Large Movie Review Dataset",
    kind: str = "text",
    n_test: int = 25_000,
    accuracy: float = 0.864,
    n_epochs: int = 10,
    bidirectional: bool = False,
    num_layers: int = 1,
    pooling: str = "last",
) -> Path:
    """Write the records of one run; the same arguments write the same bytes."""
    rng = random.Random(f"{cell}{source}")
    labels = labels or ["neg", "pos"]
    size = len(labels)
    vocabulary, length, width = (17, 64, 64) if kind == "tokens" else (30_000, 400, 128)
    recurrence = {"lstm": 4, "gru": 3, "rnn": 1}[cell] * 2 * (width * width + width) * num_layers
    recurrence *= 2 if bidirectional else 1
    head = width * (2 if bidirectional else 1) * (2 if pooling == "max_mean" else 1) * size + size
    rows = history(n_epochs, 1 / size + 0.08, accuracy, size, rng)
    best = max(rows, key=lambda row: row["valid_accuracy"])["epoch"]
    bounds = [(64, 64)] if kind == "tokens" else [(10, 120), (121, 180), (181, 300), (301, 2_470)]
    by_length = []
    for place, (first, last) in enumerate(bounds):
        n, share = n_test // len(bounds), accuracy + 0.02 - 0.02 * place * (1 if cell == "lstm" else 3)
        by_length.append({"from": first, "to": last, "n": n, "accuracy": share, "accuracy_ci95": interval(share, n)})
    details = {
        "format": 1, "source": source, "title": title, "kind": kind,
        "splits": {name: {"n": n, "labels": dict.fromkeys(labels, n // size)}
                   for name, n in (("train", n_test * 9 // 10), ("valid", n_test // 10), ("test", n_test))},
        "decisions": ["the validation part is 10% of the training part, stratified, by seed 0",
                      "words are lowercased; those seen once are unknown"],
        "vocabulary_size": vocabulary, "coverage": {"train": 0.985, "valid": 0.976, "test": 0.974},
        "architecture": {
            "cell": cell, "vocabulary_size": vocabulary, "embedding_size": width, "hidden_size": width,
            "num_layers": num_layers, "bidirectional": bidirectional, "pooling": pooling, "n_classes": size,
            "max_length": length, "truncate": "ends",
            "parameters": {"embedding": vocabulary * width, "recurrence": recurrence, "head": head,
                           "total": vocabulary * width + recurrence + head}},
        "best_epoch": best, "epochs_run": n_epochs, "epochs_planned": n_epochs, "refit": False,
        "seconds": {"train": sum(row["seconds"] for row in rows), "evaluate": 6.2},
        "accuracy_by_length": by_length, "confident_errors": mistakes(kind, labels, rng), "loop_source": LOOP,
    }  # fmt: skip
    environment = {
        "lstmkit": "0.1.0", "python": "3.11.9", "torch": "2.13.0+cpu", "processor": "A Processor 3000", "threads": 2,
        "engine": {"name": "torch", "reason": "padded groups of like length, exact reversal"}, "seed": 0,
        "command": ["lstmkit", "lab", source, "--seed", "0", "--out", "my runs/first"], "wall_seconds": 433.1,
        "data": {"files": {"aclImdb_v1.tar.gz": "f7137628c5aa5c6c99a1e0033dd6d37f3f8c0e05d59c8492e330b438145b02b0"}},
        "started_utc": "2026-03-14T15:09:26+00:00",
    }  # fmt: skip
    config = (
        f'preset = "lab"\nseed = 0\n\n[data]\nsource = "{source}"\n\n[model]\ncell = "{cell}"\n'
        f"head_dropout = {0.5 if pooling == 'max_mean' else 0.0}\nnum_layers = {num_layers}\n\n"
        f"[train]\nepochs = {n_epochs}\nlearning_rate = 0.001\n"
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(config, "utf-8")
    (folder / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    write_json(folder / "evaluation.json", evaluation(labels, n_test, accuracy, rng))
    write_json(folder / "details.json", details)
    write_json(folder / "environment.json", environment)
    return folder


def write_lab(folder: Path, *, accuracies: tuple[float, float] = (0.864, 0.71), **options: Any) -> Path:
    """Write a lab folder: an LSTM, its twin, and what was claimed."""
    models, scores = {}, {}
    for cell, accuracy in zip(("lstm", "rnn"), accuracies, strict=True):
        run = write_run(folder / cell, cell=cell, accuracy=accuracy, **options)
        scores, details = read_json(run / "evaluation.json"), read_json(run / "details.json")
        models[cell] = {"parameters": details["architecture"]["parameters"]["total"], "accuracy": scores["accuracy"],
                        "accuracy_ci95": scores["accuracy_ci95"], "seconds": details["seconds"]["train"]}  # fmt: skip
    claims = [
        {"claim": "Loss decreases and accuracy improves as training progresses",
         "evidence": "training loss fell in 10 of 10 epochs, from 0.654 to 0.072; validation loss rose after epoch 7",
         "verdict": "shown"},
        {"claim": "RNN's remember short-term information but struggle with long sequences.",
         "evidence": "over 301 tokens the RNN is 22.0 points under the LSTM, up to 120 tokens 15.4",
         "verdict": "not shown"},
        {"claim": "LSTM overcome the vanishing gradient problem", "verdict": "contradicted",
         "evidence": "no gradient was measured in this run"},
    ]  # fmt: skip
    write_json(folder / "lab.json", {"source": options.get("source", "imdb"), "models": models,
                                     "baselines": scores["baselines"], "claims": claims})  # fmt: skip
    return folder


def digits_lab(folder: Path) -> Path:
    """Ten classes of 64 tokens each."""
    return write_lab(folder, accuracies=(0.87, 0.61), source="digits", title="Handwritten digits, pixel by pixel",
                     kind="tokens", n_test=270, labels=[str(digit) for digit in range(10)])  # fmt: skip


def banking_run(folder: Path) -> Path:
    """Seventy-seven classes with long names."""
    words = ["card_payment_fee_charged", "top_up_reverted", "lost_or_stolen_phone", "Refund_not_shown", "rate"]
    return write_run(folder, source="banking77", title="Banking77", n_test=3_080, accuracy=0.87, bidirectional=True,
                     pooling="max_mean", labels=[f"{words[i % 5]}_{i}" for i in range(77)])  # fmt: skip


def read_json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), "utf-8")
