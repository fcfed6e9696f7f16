"""A fair duel: LSTM, GRU, tanh RNN and the linear baseline under one protocol, one switch changed.

Every training is a run folder of its own, `<cell>/rate-<rate>-seed-<seed>`. Those of the first seed choose the cell's
rate on validation; the chosen one's folder then goes on to the test part, so that nothing is trained twice.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from lstmkit.config.resolve import validate
from lstmkit.config.schema import Cell, Config
from lstmkit.core.errors import RequestError
from lstmkit.core.files import read_json, read_jsonl, write_json, write_jsonl
from lstmkit.core.records import Epoch
from lstmkit.evaluate.verdict import NAMES
from lstmkit.experiment.compare_record import CELLS, Trained, comparison
from lstmkit.experiment.folder import claim_data, open_part, resumed_anyway
from lstmkit.experiment.machine import environment, settle
from lstmkit.experiment.prepare import Prepared, write_rejected
from lstmkit.experiment.rates import RATES, Tried, best_of, try_rate
from lstmkit.experiment.single import baselines_with_predictions, run_one
from lstmkit.experiment.training import Listener
from lstmkit.models.build import architecture_of
from lstmkit.models.sizes import matched_hidden_size, n_parameters
from lstmkit.nn import choose_engine
from lstmkit.report import draw_compare

_MATCHES = ("width", "parameters")


class Watcher(Listener, Protocol):
    """Who shows how a comparison goes."""

    def line(self, text: str) -> None:
        """A result."""
        ...


@dataclass(frozen=True)
class Terms:
    """What a comparison is asked for beside the configuration.

    Attributes:
        match: what the cells have in common: the hidden size, or the number of parameters.
        n_seeds: networks of each cell; their seeds follow the configuration's.
        rates: learning rates that each cell may choose from, ascending.
    """

    match: Literal["width", "parameters"] = "width"
    n_seeds: int = 3
    rates: tuple[float, ...] = RATES

    def as_json(self) -> dict[str, Any]:
        """The content of `protocol.json`."""
        return {"match": self.match, "seeds": self.n_seeds, "rates": list(self.rates)}


def terms_of(match: str, n_seeds: int, rates: str | None) -> Terms:
    """The terms in a command's words.

    Args:
        match: width or parameters.
        n_seeds: at least 1.
        rates: numbers with commas between them; None: `RATES`.

    Raises:
        RequestError: they are none.
    """
    if match not in _MATCHES:
        raise RequestError(f"--match {match}: what is matched is {' or '.join(_MATCHES)}; choose one")
    if n_seeds < 1:
        raise RequestError(f"--seeds {n_seeds}: at least one network of each cell is trained; give 1 or more")
    return Terms("width" if match == "width" else "parameters", n_seeds, RATES if rates is None else _rates(rates))


def check_compare(config: Config, terms: Terms, assignments: Sequence[str]) -> None:
    """See that the configuration leaves to the comparison what is its own.

    Raises:
        RequestError: a cell or a rate was asked for, an engine cannot run all cells, or a seed is too large.
    """
    if config.model.cell != "lstm":
        raise RequestError(
            f"compare trains {', '.join(CELLS)}, so model.cell = {config.model.cell!r} has no place; use lstmkit train"
        )
    if any(text.partition("=")[0].strip() == "train.learning_rate" for text in assignments):
        raise RequestError(
            "compare chooses train.learning_rate for each cell on validation; give the grid with --rates, as --rates "
            "0.001,0.003"
        )
    for cell in CELLS:
        choose_engine(config.run.engine, cell)
    for rate in terms.rates:
        _variant(config, "lstm", config.model.hidden_size, rate, config.seed + terms.n_seeds - 1)


def run_compare(folder: Path, prepared: Prepared, config: Config, terms: Terms, watcher: Watcher) -> dict[str, Any]:
    """Train and score all networks in an opened folder, or go on where it was cut short; write the record and the page.

    Args:
        folder: opened by `opened_folder`; it gets `rates.json`, a folder for each cell, `linear/`, `compare.json`,
            `plots/` and `report.html`.
        prepared: the data, cut once for all networks.
        config: the LSTM's configuration, but for the rate; its seed is the first.
        terms: see `Terms`.
        watcher: shown how it goes.

    Returns:
        The content of `compare.json`.
    """
    claim_data(folder, prepared.corpus.fingerprint)
    started = datetime.now(UTC)
    device = settle(config.run)
    write_rejected(folder, prepared.corpus)
    sizes = _sizes(prepared, config, terms)
    for cell, (hidden_size, n) in sizes.items():
        engine = choose_engine(config.run.engine, cell, device.type)
        watcher.say(f"{NAMES[cell]}: {hidden_size:,} units, {n:,} parameters; engine: {engine.name} ({engine.reason})")
    counter = _Counter(len(CELLS) * (len(terms.rates) + terms.n_seeds - 1))
    widths = {cell: hidden_size for cell, (hidden_size, _) in sizes.items()}
    searches: dict[Cell, list[Tried]] = {
        cell: _search(folder, prepared, config, cell, widths[cell], terms, watcher, counter) for cell in CELLS
    }
    chosen: dict[Cell, float] = {cell: best_of(searches[cell], config.train.select_by).rate for cell in CELLS}
    baselines = _baselines(folder / "linear", prepared, config, watcher)
    trained: dict[Cell, list[Trained]] = {cell: [] for cell in CELLS}
    for seed in range(config.seed, config.seed + terms.n_seeds):
        for cell in CELLS:
            own = _variant(config, cell, widths[cell], chosen[cell], seed)
            place = folder / _place(cell, chosen[cell], seed)
            is_new = seed != config.seed and not (place / "report.html").exists()
            if seed != config.seed:
                counter.n_done += 1
            open_part(place, own)
            run_one(place, prepared, own, lambda: baselines, _Quiet(watcher, _title(own, counter)))
            trained[cell].append(Trained(place.relative_to(folder), seed))
            if is_new:
                best_epoch = read_json(place / "details.json")["best_epoch"]
                watcher.line(f"{_title(own, counter)}: {_outcome(place, best_epoch)}")
    record = comparison(
        folder,
        prepared,
        config,
        match=terms.match,
        rates=terms.rates,
        searches=searches,
        chosen=chosen,
        trained=trained,
        baselines=baselines,
    )
    engine = choose_engine(config.run.engine, "lstm", device.type)
    write_json(
        folder / "environment.json",
        environment(device, engine, config.seed, dict(prepared.corpus.files), started) | resumed_anyway(folder),
    )
    write_json(folder / "compare.json", record)
    draw_compare(folder)
    return record


@dataclass
class _Counter:
    n_all: int
    n_done: int = 0


class _Quiet:
    """Passes on how far a training is, under a title of its own; its notes and epoch lines would be too many."""

    def __init__(self, watcher: Watcher, title: str) -> None:
        self.on_step = watcher.on_step
        self.on_epoch = watcher.on_epoch
        self._watcher, self._title = watcher, title

    def say(self, line: str) -> None:
        """Nothing: what is worth saying of all trainings is said once."""

    def on_model(self, name: str, n_parameters: int, n_epochs: int) -> None:
        """A model is about to be trained."""
        self._watcher.on_model(self._title, n_parameters, n_epochs)


def _search(
    folder: Path,
    prepared: Prepared,
    config: Config,
    cell: Cell,
    hidden_size: int,
    terms: Terms,
    watcher: Watcher,
    counter: _Counter,
) -> list[Tried]:
    """Try every rate with the first seed; each is noted at once, so that a resumed comparison tries the others."""
    path = folder / "rates.json"
    noted: dict[str, Any] = read_json(path) if path.exists() else {}
    tried = [Tried(**row) for row in noted.get(cell, [])]
    counter.n_done += len(tried)
    for rate in terms.rates[len(tried) :]:
        counter.n_done += 1
        own = _variant(config, cell, hidden_size, rate, config.seed)
        place = folder / _place(cell, rate, config.seed)
        title = _title(own, counter)
        tried.append(try_rate(place, prepared, own, _Quiet(watcher, title)))
        write_json(path, noted | {cell: [one.as_json() for one in tried]})
        watcher.line(f"{title}: {tried[-1].failure or _outcome(place, tried[-1].best_epoch)}")
    best = best_of(tried, config.train.select_by)
    if len(tried) > 1:
        watcher.line(f"{NAMES[cell]}: rate {best.rate:g}, chosen on validation")
    for one in tried:
        if one is not best:  # a checkpoint is for going on, and as large as four networks
            (folder / _place(cell, one.rate, config.seed) / "checkpoints" / "last.safetensors").unlink(missing_ok=True)
    return tried


def _baselines(folder: Path, prepared: Prepared, config: Config, watcher: Watcher) -> dict[str, Any]:
    """Majority and linear baseline, with the latter's predictions beside; read where they are."""
    path = folder / "baselines.json"
    if not path.exists():
        baselines, predictions = baselines_with_predictions(prepared, config.train.refit, watcher)
        test = prepared.parts["test"]
        write_jsonl(
            folder / "predictions.jsonl",
            (
                {"id": identity, "label": label, "predicted": predicted}
                for identity, label, predicted in zip(test.ids, test.labels, predictions, strict=True)
            ),
        )
        write_json(path, baselines)  # last: with it the folder is whole
    return read_json(path)


def _sizes(prepared: Prepared, config: Config, terms: Terms) -> dict[Cell, tuple[int, int]]:
    """Hidden size and number of parameters of each cell."""
    encoded = prepared.encoded
    shape = architecture_of(config, encoded.encoder.shape, len(encoded.labels))
    n_wanted = n_parameters(shape)["total"]
    sizes: dict[Cell, tuple[int, int]] = {}
    for cell in CELLS:
        own: dict[str, Any] = shape | {"cell": cell}
        if terms.match == "parameters" and cell != "lstm":
            own["hidden_size"] = matched_hidden_size(own, n_wanted)
        sizes[cell] = (own["hidden_size"], n_parameters(own)["total"])
    return sizes


def _variant(config: Config, cell: Cell, hidden_size: int, rate: float, seed: int) -> Config:
    """The configuration of one network: cell, size, rate and seed are its own; the splits are the comparison's."""
    tree = config.model_dump()
    tree["seed"] = seed
    tree["data"]["split_seed"] = config.split_seed
    tree["model"] |= {"cell": cell, "hidden_size": hidden_size}
    tree["train"]["learning_rate"] = rate
    return validate(tree)


def _place(cell: Cell, rate: float, seed: int) -> Path:
    return Path(cell) / f"rate-{rate:g}-seed-{seed}"


def _title(config: Config, counter: _Counter) -> str:
    words = f"{NAMES[config.model.cell]}, rate {config.train.learning_rate:g}, seed {config.seed}"
    return f"[{counter.n_done}/{counter.n_all}] {words}"


def _outcome(folder: Path, best_epoch: int | None) -> str:
    """A training in a line, from its history: what validation said at the epoch that was kept."""
    history = [Epoch(**row) for row in read_jsonl(folder / "history.jsonl")]
    accuracy = next(epoch.valid_accuracy for epoch in history if epoch.epoch == best_epoch)
    seconds = sum(epoch.seconds for epoch in history)
    return f"validation {accuracy or 0.0:.2%} at epoch {best_epoch} of {len(history)}, {seconds:.1f} s"


def _rates(text: str) -> tuple[float, ...]:
    words = [word.strip() for word in text.split(",")]
    if not any(words):
        raise RequestError("--rates: an empty grid; give one rate or more, as --rates 0.001,0.003")
    rates: list[float] = []
    for word in words:
        try:
            rate = float(word)
        except ValueError:
            rate = math.nan
        if not 0.0 < rate < math.inf:
            raise RequestError(
                f"--rates {text}: {word!r} is no learning rate; rates are numbers above 0, as --rates 0.001,0.003"
            )
        rates.append(rate)
    if len({f"{rate:g}" for rate in rates}) < len(rates):
        raise RequestError(f"--rates {text}: a rate stands there twice; name each once")
    return tuple(sorted(rates))
