"""What a laboratory measures beside accuracy: gradients, gates, a memory horizon, two predictions from the inside."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from lstmkit.analyze.explanation import explain
from lstmkit.analyze.recording import record_of
from lstmkit.artifact import load_artifact
from lstmkit.core.errors import LstmkitError
from lstmkit.core.files import read_json, read_jsonl, within, write_json
from lstmkit.data.sources import Part
from lstmkit.data.tasks import Task
from lstmkit.experiment.analysis import AnalysisRequest, analyze_run
from lstmkit.experiment.probe.plan import QUICK
from lstmkit.experiment.probe.run import is_finished, run_probe
from lstmkit.report import draw_explanation

FORMAT = 1
GRADIENTS = "gradients and gates"  # the part of the evidence that an analysis is
MEMORY = replace(QUICK, cells=("rnn", "lstm"))
"""The quick probe of the two cells that a laboratory compares."""

_MOST_CLASSES = 3  # attributed in an explanation: its page can be made again with all by `lstmkit explain --id`
RULES = {
    "right": "of the test examples that the LSTM classified correctly, the one of median confidence",
    "wrong": "of the test examples that the LSTM classified wrongly, the one of which it was surest",
}


def gather(folder: Path, test: Part, seed: int, say: Callable[[str], None], *, probe: bool = True) -> dict[str, Any]:
    """Measure what a finished lab's claims need; what is there already is not measured again.

    Args:
        folder: of the lab, with `lab.json` and both runs; gets `analysis.json`, `memory/` and `explanations/`.
        test: the test part.
        seed: draws examples, weights of the probe, and orders of deletion.
        say: told how it goes.
        probe: whether the memory horizon is measured.

    Returns:
        The content of `evidence.json`: `explained`, the examples chosen, and `left_out`, what is missing and why.
    """
    left_out: list[dict[str, str]] = []

    def attempt(part: str, make: Callable[[], None]) -> None:
        try:
            make()
        except LstmkitError as error:  # the models are trained and scored: their page must not be lost with a part
            left_out.append({"part": part, "reason": str(error)})
            say(f"left out: {part}: {error}")

    attempt(GRADIENTS, lambda: _analyse(folder, seed, say))
    if probe:
        attempt("memory horizon", lambda: _remember(folder, seed, say))
    else:
        left_out.append({"part": "memory horizon", "reason": "--no-probe"})
    explained: list[dict[str, Any]] = []
    for kind, row in chosen(read_jsonl(within(folder, "lstm") / "predictions.jsonl")).items():
        if row is None:
            left_out.append(
                {
                    "part": f"an example that is {kind}",
                    "reason": f"no test example was classified {'correctly' if kind == 'right' else 'wrongly'}",
                }
            )
            continue
        attempt(f"an example that is {kind}", lambda kind=kind, row=row: _explain(folder, kind, row, test, seed))
        if within(folder, "explanations", f"{kind}.json").exists():
            explained.append({"kind": kind, "id": str(row["id"]), "rule": RULES[kind]})
    evidence = {"format": FORMAT, "explained": explained, "left_out": left_out}
    write_json(folder / "evidence.json", evidence)
    return evidence


def chosen(predictions: list[dict[str, Any]]) -> dict[str, dict[str, Any] | None]:
    """The two examples to explain, by `RULES`; of equal confidence the first. None where there is no such example."""
    right = sorted((row for row in predictions if row["predicted"] == row["label"]), key=lambda row: row["probability"])
    wrong = [row for row in predictions if row["predicted"] != row["label"]]
    return {
        "right": right[(len(right) - 1) // 2] if right else None,
        "wrong": max(wrong, key=lambda row: row["probability"]) if wrong else None,
    }


def _analyse(folder: Path, seed: int, say: Callable[[str], None]) -> None:
    if not (folder / "analysis.json").exists():
        say("gradients and gates: at initialisation and trained")
        analyze_run(folder, AnalysisRequest(seed=seed), _Quiet(say))


def _remember(folder: Path, seed: int, say: Callable[[str], None]) -> None:
    home, plan = within(folder, "memory"), replace(MEMORY, seed=seed)
    begun = (home / "plan.json").exists()
    if begun and is_finished(home, plan):
        return
    lags = ", ".join(map(str, plan.lags))
    say(f"memory horizon: {' and '.join(plan.tasks)} at lags {lags}")
    run_probe(home, plan, _Quiet(say), resume=begun, anyway=True)  # whether it may be, the lab has decided


def _explain(folder: Path, kind: str, row: dict[str, Any], test: Part, seed: int) -> None:
    path = within(folder, "explanations", f"{kind}.json")
    if not path.exists():
        example = dict(zip(map(str, test.ids), test.inputs, strict=True))[str(row["id"])]
        networks = [load_artifact(within(folder, cell, "model")) for cell in ("lstm", "rnn")]
        ours, twin = (
            explain(
                one.network,
                one.encoder,
                one.labels,
                example,
                most_classes=_MOST_CLASSES,
                seed=seed,
            )
            for one in networks
        )
        about = {"run": folder.resolve().name, "id": str(row["id"]), "label": row["label"]}
        path.parent.mkdir(exist_ok=True)
        write_json(path, record_of(ours.beside(twin), **about))
    draw_explanation(read_json(path), path.with_suffix(".html"))


class _Quiet:
    """Shows an analysis or a probe by a line where something is done; several threads call it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._solved: dict[tuple[str, str], int] = {}

    def say(self, line: str) -> None:
        self._say(line)

    def on_examples(self, what: str, done: int, total: int) -> None:
        pass

    def on_validation(self, task: Task, cell: str, lag: int, step: int, n_steps: int, value: float) -> None:
        pass

    def on_point(self, task: Task, cell: str, point: dict[str, Any]) -> None:
        if point["solved"]:
            self._solved[task.name, cell] = point["lag"]

    def on_ladder(self, task: Task, cell: str, n_points: int) -> None:
        reached = self._solved.get((task.name, cell))
        self._say(f"{task.name}, {cell.upper()}: longest lag solved {reached or 'none'}")
