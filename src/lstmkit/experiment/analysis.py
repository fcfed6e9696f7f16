"""Gradient flow and gates of a trained run, beside its network at initialisation and its twin; `analysis.json`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Int

from lstmkit.analyze import curves, gates
from lstmkit.analyze.flow import measure
from lstmkit.analyze.traced import difference_from_engine, trace
from lstmkit.artifact import Artifact, load_artifact
from lstmkit.config.resolve import load_config
from lstmkit.config.schema import Config
from lstmkit.core.errors import ArtifactError
from lstmkit.core.files import within, write_json
from lstmkit.core.names import STEPS
from lstmkit.data.batching import batch_of
from lstmkit.data.encoded import EncodedPart
from lstmkit.data.encoder import Encoder
from lstmkit.data.sources import Part
from lstmkit.experiment.frame import title_of
from lstmkit.experiment.run_data import scored_part
from lstmkit.models import Classifier
from lstmkit.models.build import build_from
from lstmkit.report import draw_analysis
from lstmkit.report.records import LabRecord, read_record

FORMAT = 1
N_EXAMPLES = 100
N_PROJECTIONS = 8

_CHECKED = 16  # examples on which the trace is held against the engine
_NO_GATES = "a plain RNN has no gates and no cell state"
_NO_CELL = "a GRU has no cell state beside its hidden state"
_ONE_TOKEN = "every example analysed is one token long, so that no gradient has a way to go"  # noqa: S105


@dataclass(frozen=True)
class AnalysisRequest:
    """What to analyse.

    Attributes:
        n_examples: test examples, drawn by seed; all where there are fewer.
        seed: draws the examples, and the projections of Jacobians.
        threads: CPU threads; 0: as torch chooses.
    """

    n_examples: int = N_EXAMPLES
    seed: int = 0
    threads: int = 0


class Watcher(Protocol):
    """Who shows how an analysis goes."""

    def say(self, line: str) -> None:
        """A note for people."""
        ...

    def on_examples(self, what: str, done: int, total: int) -> None:
        """So many examples of a network are done."""
        ...


def analyze_run(folder: Path, request: AnalysisRequest, watcher: Watcher) -> dict[str, Any]:
    """Measure a run's gradients and gates; write `analysis.json`, the plots and `analysis.html` into its folder.

    Args:
        folder: a finished run, or a finished lab, whose RNN is then measured too.
        request: how many examples, and the seed.
        watcher: shown how it goes.

    Returns:
        The content of `analysis.json`, see docs/analyze.md.

    Raises:
        ArtifactError: the folder is no finished run.
        DataError: the run's data are gone, or are not those that it was trained on.
    """
    homes = _homes(folder)
    if request.threads:
        torch.set_num_threads(request.threads)
    artifacts = {cell: load_artifact(within(home, "model")) for cell, home in homes.items()}
    config = load_config(next(iter(homes.values())) / "config.toml")
    corpus, test = scored_part(homes.values(), config)
    chosen = _sample(len(test), request)
    part = _encoded(next(iter(artifacts.values())), test.take(chosen))
    unit = STEPS[corpus.kind]
    watcher.say(f"{corpus.name}: {len(part):,} of {len(test):,} test examples, {len(part.rows):,} {unit}")
    lengths = part.lengths
    analysis = {
        "format": FORMAT,
        "source": corpus.name,
        "title": title_of(config.data.source, corpus.name),
        "kind": corpus.kind,
        "split": "test",
        "n_test": len(test),
        "n_examples": len(part),
        "seed": request.seed,
        "n_projections": N_PROJECTIONS,
        "lengths": {"min": int(lengths.min()), "median": float(np.median(lengths)), "max": int(lengths.max())},
        "rules": {
            "vanishes_below": curves.VANISHES_BELOW,
            "explodes_above": curves.EXPLODES_ABOVE,
            "reached_by": curves.REACHED_BY,
            "shut_below": gates.SHUT_BELOW,
            "open_above": gates.OPEN_ABOVE,
            "fewest_occurrences": gates.FEWEST_OCCURRENCES,
        },
        "left_out": _left_out(list(homes), int(lengths.max())),
        "models": {
            cell: _model(load_config(homes[cell] / "config.toml"), artifact, part, request.seed, watcher)
            for cell, artifact in artifacts.items()
        },
    }
    write_json(folder / "analysis.json", analysis)
    draw_analysis(folder)
    return analysis


def network_at_start(config: Config, artifact: Artifact) -> Classifier:
    """The network as training began with it: drawn anew from the run's architecture and seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return build_from(artifact.architecture, "auto").eval()


def _homes(folder: Path) -> dict[str, Path]:
    """The run folders that RUN stands for, by cell: a lab's, or its own."""
    if (folder / "lab.json").exists():
        return {cell: within(folder, cell) for cell in read_record(LabRecord, folder / "lab.json").models}
    if (folder / "config.toml").exists():
        if not (folder / "evaluation.json").exists():
            raise ArtifactError(f"{folder}: the run is not finished; finish it with --resume, then analyse it")
        return {load_config(folder / "config.toml").model.cell: folder}
    if (folder / "model.json").exists():
        raise ArtifactError(f"{folder}: a model without its run has no test data; give the --out of a train or lab")
    if not folder.is_dir():
        raise ArtifactError(f"{folder}: no such folder; give the --out of a train or lab")
    raise ArtifactError(f"{folder}: not a run folder (no lab.json, no config.toml); give the --out of a train or lab")


def _sample(n_test: int, request: AnalysisRequest) -> Int[np.ndarray, " examples"]:
    drawn = np.random.default_rng(request.seed).permutation(n_test)[: request.n_examples]
    return np.sort(drawn).astype(np.int64)


def _encoded(artifact: Artifact, part: Part) -> EncodedPart:
    number = {label: k for k, label in enumerate(artifact.labels)}
    tokens, offsets = artifact.encoder.encode(part.inputs)
    return EncodedPart(tokens, offsets, np.array([number[label] for label in part.labels], dtype=np.int64))


def _left_out(cells: list[str], longest: int) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for cell in cells:
        if cell == "rnn":
            found.append({"cell": cell, "part": "gates and the path through the cell", "reason": _NO_GATES})
        if cell == "gru":
            found.append({"cell": cell, "part": "the path through the cell", "reason": _NO_CELL})
        if longest == 1:
            found.append({"cell": cell, "part": "gradient flow", "reason": _ONE_TOKEN})
    return found


def _model(config: Config, artifact: Artifact, part: EncodedPart, seed: int, watcher: Watcher) -> dict[str, Any]:
    """One model's part of the record: its network at the start and as trained."""
    networks = {"initial": network_at_start(config, artifact), "trained": artifact.network}
    cell = config.model.cell
    measured: dict[str, Any] = {}
    for stage, network in networks.items():
        what = f"{cell.upper()}, {'at initialisation' if stage == 'initial' else 'trained'}"
        measured[stage] = {
            "engine": network.recurrence.engine.name,
            "engine_difference": _difference_from_engine(network, part),
            "layers": _layers(network, artifact, part, seed, stage, _counting(watcher, what, len(part))),
        }
    return {
        "hidden_size": config.model.hidden_size,
        "num_layers": config.model.num_layers,
        "bidirectional": config.model.bidirectional,
        "pooling": config.model.pooling,
        "networks": measured,
    }


def _layers(
    network: Classifier, artifact: Artifact, part: EncodedPart, seed: int, stage: str, count: Callable[[int], None]
) -> list[list[dict[str, Any]]]:
    every = np.arange(len(part))
    flows = measure(network, part, every, n_projections=N_PROJECTIONS, seed=seed, progress=count)
    reading = gates.read_gates(network, part, every) if network.recurrence.cell in gates.HOLDS else None

    def name_of(token: int) -> str:
        if not isinstance(artifact.encoder, Encoder):
            features = artifact.encoder.features
            return f"{features[token % len(features)]} {'high' if token < len(features) else 'low'}"
        return artifact.encoder.tokenizer.id_to_token(token) or str(token)

    def gates_of(layer: int, direction: int) -> dict[str, Any] | None:
        if reading is None:
            return None
        own = reading.layers[layer][direction]
        units = gates.extremes(reading, own, name_of) if stage == "trained" else None
        return gates.summary(own) | {"holds": gates.HOLDS[network.recurrence.cell], "units": units}

    return [
        [
            {
                "direction": "backward" if direction else "forward",
                "flow": {name: curves.curve(norms) for name, norms in own.norms.items()},
                "cell_deviation": _deviation(own.norms),
                "gates": gates_of(layer, direction),
            }
            for direction, own in enumerate(directions)
        ]
        for layer, directions in enumerate(flows)
    ]


def _deviation(norms: dict[Any, np.ndarray]) -> float | None:
    """How far autograd's path along the cell alone is from the forget gates' product, relative, at most."""
    if "forget_product" not in norms:
        return None
    measured, wanted = norms["cell_by_cell_alone"], norms["forget_product"]
    there = wanted > 0
    return curves.significant(float(np.max(np.abs(measured[there] / wanted[there] - 1))), 2)


def _difference_from_engine(network: Classifier, part: EncodedPart) -> float:
    """How far the trace is from the engine that `auto` chooses here; refused where it is another network."""
    batch = batch_of(part, np.arange(min(_CHECKED, len(part))))
    with torch.no_grad():
        ours, engines = (logits.softmax(1).cpu().numpy() for logits in (trace(network, batch).logits, network(batch)))
    return difference_from_engine(ours, engines, network.recurrence.engine.name)


def _counting(watcher: Watcher, what: str, total: int) -> Callable[[int], None]:
    return lambda done: watcher.on_examples(what, done, total)
