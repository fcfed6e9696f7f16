"""What to see in each figure, in words made from the records: one caption for each plot and each drawing of a page."""

from collections.abc import Sequence

from markupsafe import Markup

from lstmkit.config.schema import Cell
from lstmkit.core.names import NAMES, STEPS
from lstmkit.report.records import Architecture, Evaluation, LengthBin, Run

CELLS: dict[Cell, str] = {
    "lstm": "Follow the thick line: the cell state goes from step to step through one product and one sum, past all "
    "weights. Three gates decide what it forgets, what it takes in and what is shown of it.",
    "gru": "Follow the thick line: one state goes from step to step, and the update gate mixes it with a new one. "
    "There is no cell state beside it, and no output gate.",
    "rnn": "There is one way through: all that is known of the past is multiplied by the weights and squeezed through "
    "tanh, at every step.",
}
_READING = "Solid is validation, dashed is training, the ring is the epoch that was kept."
_LONGEST_LABEL = 40


def of_plots(runs: Sequence[Run]) -> dict[str, Markup]:
    """A caption for each plot that `plots.of_run` and `plots.of_lab` draw, by its name."""
    return {
        "loss": _loss(runs),
        "accuracy": _accuracy(runs),
        "confusion_matrix": _confusion(runs),
        "accuracy_by_length": _by_length(runs),
        "test_accuracy": Markup(
            "A dot is the share of the test set that was classified correctly, its line the 95% interval. Where two "
            "lines overlap widely, this test set does not tell the two models apart."
        ),
    }


def confusions(evaluation: Evaluation, most: int = 10) -> list[tuple[str, str, int, int]]:
    """The most frequent mistakes: true label, predicted label, how often, of how many."""
    found = [
        (true, predicted, count, sum(row))
        for true, row in zip(evaluation.labels, evaluation.confusion_matrix, strict=True)
        for predicted, count in zip(evaluation.labels, row, strict=True)
        if count and predicted != true
    ]
    return sorted(found, key=lambda item: -item[2])[:most]


def network(architecture: Architecture, has_twin: bool = False) -> str:
    """The caption of the drawing of the whole network."""
    parameters = architecture.parameters
    name = NAMES[architecture.cell]
    of_cell = parameters.recurrence / parameters.total if parameters.total else 0.0
    twin = " The twin differs in the cell alone." if has_twin else ""
    what = "steps" if architecture.n_features else "tokens"
    return (
        f"From a sequence of {what}, above, to class probabilities, below: {parameters.total:,} parameters in all, "
        f"{of_cell:.0%} of them in the {name}.{twin}"
    )


def _loss(runs: Sequence[Run]) -> Markup:
    found = []
    for run in runs:
        valid = [(epoch.valid_loss, epoch.epoch) for epoch in run.epochs if epoch.valid_loss is not None]
        if valid:
            lowest, epoch = min(valid)
            found.append(f"{NAMES[run.cell]} validation loss is lowest at epoch {epoch}, {lowest:.4f}")
        else:
            found.append(f"{NAMES[run.cell]} training loss ends at {run.epochs[-1].train_loss:.4f}")
    return Markup(
        "Lower is better. {} Where the solid line turns up while the dashed one goes on falling, the network is "
        "learning its training part by heart. {}."
    ).format(_READING, "; ".join(found))


def _accuracy(runs: Sequence[Run]) -> Markup:
    found = []
    for run in runs:
        kept = {epoch.epoch: epoch.valid_accuracy for epoch in run.epochs}.get(run.details.best_epoch)
        last = run.epochs[-1]
        words = (
            f"{kept:.2%} on validation at epoch {run.details.best_epoch}, which was kept" if kept is not None else ""
        )
        found.append(f"{NAMES[run.cell]}: {words or f'{last.train_accuracy:.2%} in training at the end'}")
    return Markup(
        "Higher is better. {} The distance between the two is what the network knows of its training part alone. {}."
    ).format(_READING, "; ".join(found))


def _confusion(runs: Sequence[Run]) -> Markup:
    words = Markup(
        "Rows are true labels, columns what the network said. Right answers stand on the diagonal; off it, a strong "
        "colour is a pair of labels that is often confused."
    )
    for run in runs:
        if worst := confusions(run.evaluation, most=1):
            true, said, n, total = worst[0]
            words += Markup(" The {} takes “<bdi>{}</bdi>” for “<bdi>{}</bdi>” {:,} times of {:,}.").format(
                NAMES[run.cell], _clipped(true), _clipped(said), n, total
            )
        else:
            words += Markup(" The {} makes no mistake.").format(NAMES[run.cell])
    return words


def _by_length(runs: Sequence[Run]) -> Markup:
    found = []
    for run in runs:
        if bins := run.details.accuracy_by_length:
            first, last = bins[0], bins[-1]
            found.append(f"{NAMES[run.cell]} {first.accuracy:.2%} over {_lengths(first, run)}, "
                         f"{last.accuracy:.2%} over {_lengths(last, run)}")  # fmt: skip
    return Markup(
        "A dot is the accuracy over test sequences of like length, its line the 95% interval. A model that loses the "
        "thread falls towards the right. {}."
    ).format("; ".join(found))


def _lengths(one: LengthBin, run: Run) -> str:
    unit = STEPS[run.details.kind]
    return f"{one.first:,} {unit}" if one.first == one.last else f"{one.first:,} to {one.last:,} {unit}"


def _clipped(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "…"
