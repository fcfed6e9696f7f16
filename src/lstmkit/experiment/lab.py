"""The laboratory experiment: an LSTM, its plain-RNN twin that differs in the cell alone, and the baselines."""

from pathlib import Path
from typing import Any

from lstmkit.config.schema import Config
from lstmkit.core.errors import RequestError
from lstmkit.core.files import read_json, read_jsonl, within, write_json
from lstmkit.evaluate.statistics import paired_difference
from lstmkit.experiment.claims import Measured, judge
from lstmkit.experiment.evidence import GRADIENTS, gather
from lstmkit.experiment.folder import open_part
from lstmkit.experiment.neighbours import neighbours
from lstmkit.experiment.prepare import Prepared
from lstmkit.experiment.records import read_correct
from lstmkit.experiment.single import baselines_of, run_one
from lstmkit.experiment.training import Listener
from lstmkit.nn import choose_engine
from lstmkit.report import draw_lab

CELLS = ("lstm", "rnn")


def check_lab(config: Config) -> None:
    """See that the configuration leaves the cell to the experiment.

    Raises:
        RequestError: another cell was asked for, or an engine that cannot run the twin.
    """
    if config.model.cell != "lstm":
        raise RequestError(
            f"lab trains an lstm and an rnn, so model.cell = {config.model.cell!r} has no place; use lstmkit train"
        )
    for cell in CELLS:
        choose_engine(config.run.engine, cell)


def run_lab(
    folder: Path, prepared: Prepared, config: Config, listener: Listener, *, probe: bool = True
) -> dict[str, Any]:
    """Train both models in an opened lab folder, measure what they do, judge the claims; or go on with it.

    Args:
        folder: opened by `open_folder`; it gets `lstm/`, `rnn/`, `lab.json`, `analysis.json`, `memory/`,
            `explanations/`, `evidence.json`, `plots/` and `report.html`.
        prepared: the data that both models share.
        config: the LSTM's configuration; the twin's is the same but for `model.cell`.
        listener: shown how it goes.
        probe: whether the memory horizon is measured.

    Returns:
        The content of `lab.json`.
    """
    known: dict[str, Any] = {}

    def baselines() -> dict[str, Any]:
        if not known:
            known.update(baselines_of(prepared, config.train.refit, listener))
        return known

    models: dict[str, Any] = {}
    for cell in CELLS:
        own = config.model_copy(update={"model": config.model.model_copy(update={"cell": cell})})
        open_part(within(folder, cell), own)
        evaluation = run_one(folder / cell, prepared, own, baselines, listener)
        known.update(evaluation["baselines"])
        about = read_json(folder / cell / "details.json")
        models[cell] = {
            "parameters": about["architecture"]["parameters"]["total"],
            "accuracy": evaluation["accuracy"],
            "accuracy_ci95": evaluation["accuracy_ci95"],
            "macro_f1": evaluation["macro_f1"],
            "seconds": about["seconds"]["train"],
        }
    lab = {"source": prepared.corpus.name, "models": models, "baselines": known, "claims": []}
    write_json(folder / "lab.json", lab)  # from here on the folder is a lab that can be analysed
    evidence = gather(folder, prepared.parts["test"], config.seed, listener.say, probe=probe)
    lab["claims"] = judge(_measured(folder, evidence))
    write_json(folder / "lab.json", lab)
    draw_lab(folder, runs_too=False)
    return lab


def judge_again(folder: Path) -> bool:
    """Judge a finished lab's claims by its records as they are now, and draw its page; where it is not finished, don't.

    Args:
        folder: of a lab; `lab.json`, `evidence.json` and `report.html` in it are written anew.

    Returns:
        Whether there were claims to judge.
    """
    lab = read_json(folder / "lab.json")
    if not lab["claims"]:
        return False
    evidence = _read_or_none(folder / "evidence.json") or {"left_out": []}
    if (folder / "analysis.json").exists() and any(gap["part"] == GRADIENTS for gap in evidence["left_out"]):
        evidence["left_out"] = [gap for gap in evidence["left_out"] if gap["part"] != GRADIENTS]
        write_json(folder / "evidence.json", evidence)
    lab["claims"] = judge(_measured(folder, evidence))
    write_json(folder / "lab.json", lab)
    draw_lab(folder, runs_too=False)
    return True


def _measured(folder: Path, evidence: dict[str, Any]) -> Measured:
    """The lab's records, as claims are judged by."""
    lstm, rnn = within(folder, "lstm"), within(folder, "rnn")
    reasons = {gap["part"]: gap["reason"] for gap in evidence["left_out"]}
    return Measured(
        history=read_jsonl(lstm / "history.jsonl"),
        best_epoch=read_json(lstm / "details.json")["best_epoch"],
        evaluation=read_json(lstm / "evaluation.json"),
        difference=paired_difference(read_correct(lstm), read_correct(rnn)),
        analysis=_read_or_none(folder / "analysis.json"),
        analysis_absent=reasons.get(GRADIENTS, ""),
        probe=_read_or_none(within(folder, "memory") / "probe.json"),
        probe_absent=reasons.get("memory horizon", ""),
        recorded=neighbours(folder),
    )


def _read_or_none(path: Path) -> dict[str, Any] | None:
    return read_json(path) if path.exists() else None
