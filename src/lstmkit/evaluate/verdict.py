"""What a comparison may be said to show: stated rules from records to words. Nothing is wired to agree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lstmkit.core.names import NAMES as CELL_NAMES
from lstmkit.evaluate.statistics import wilson_interval, with_width

Outcome = Literal["ahead", "behind", "no difference shown", "too few seeds to judge", "not judged"]

_FEWEST_SEEDS = 3  # with two, Student's factor is 12.7: hardly any interval would exclude zero

NAMES = CELL_NAMES | {"linear": "linear model"}
RULES = (
    "A network has learned if the 95% interval of its mean test accuracy lies above the majority class's accuracy. "
    "A pair with a network that has not is not judged: a failed run shows no limit of its cell.",
    "One model is ahead of another if both 95% intervals of the difference exclude zero on the same side: the paired "
    "bootstrap over test examples, and Student's over seeds. With one seed, or with seeds that do not vary, the first "
    "decides alone, and that is said: an interval of no width is none.",
    "Otherwise no difference is shown, or with one or two seeds there are too few to judge. That is not the same as no "
    "difference: the intervals say what is left open.",
)


@dataclass(frozen=True)
class Pair:
    """Two models on the same test examples.

    Attributes:
        one, other: keys of `NAMES`.
        difference: mean accuracy of the one over seeds, minus that of the other.
        examples_ci95: of the difference, over test examples; None where it is the same on each.
        seeds_ci95: of the difference, over seeds; None where there is one, or it is the same with each.
        not_learned: those of the two that have learned nothing.
        n_seeds: networks of each; 0: one where there is no interval over seeds, else enough.
    """

    one: str
    other: str
    difference: float
    examples_ci95: tuple[float, float] | None
    seeds_ci95: tuple[float, float] | None
    not_learned: tuple[str, ...] = ()
    n_seeds: int = 0


def has_learned(accuracy: float, n: int, majority_accuracy: float) -> bool:
    """Whether an accuracy over `n` examples is above that of answering the commonest class."""
    return wilson_interval(round(accuracy * n), n)[0] > majority_accuracy


def judge(pair: Pair) -> tuple[Outcome, str]:
    """The outcome for a pair by `RULES`, and the sentence that says it with its numbers."""
    one, other = f"The {NAMES[pair.one]}", f"the {NAMES[pair.other]}"
    if pair.not_learned:
        names = " and ".join(f"the {NAMES[name]}" for name in pair.not_learned)
        verb = "have" if len(pair.not_learned) > 1 else "has"
        return "not judged", (
            f"{one} and {other} are not judged: {names} {verb} not learned to do better than the majority class, "
            "and a failed run shows no limit of its cell."
        )
    examples, seeds = (ends and with_width(*ends) for ends in (pair.examples_ci95, pair.seeds_ci95))
    n_seeds = pair.n_seeds or (1 if pair.seeds_ci95 is None else _FEWEST_SEEDS)
    over_examples = f"{_interval(examples)} over test examples" if examples else "no interval over test examples"
    over_seeds = (
        f", {_interval(seeds)} over seeds" if seeds else "; one seed" if n_seeds == 1 else "; seeds do not vary"
    )
    numbers = f"{points(pair.difference)} ({over_examples}{over_seeds})"
    sides = {_side(ends) for ends in (examples, seeds) if ends}
    if examples and sides in ({1}, {-1}):
        outcome: Outcome = "ahead" if sides == {1} else "behind"
        return outcome, f"{one} is {'ahead of' if outcome == 'ahead' else 'behind'} {other}: {numbers}."
    if examples is None:
        why = "the difference is the same on every test example, so that nothing tells what others would give"
    elif sides == {1, -1}:
        why = "the two intervals lie on different sides of zero"
    elif _side(examples):
        why = "on these examples it is clear, but from seed to seed it varies too much"
    elif seeds and _side(seeds):
        why = "it is the same for every seed, but other test examples may turn it"
    else:
        why = "zero lies within both intervals" if seeds else "zero lies within the interval"
    if n_seeds < _FEWEST_SEEDS:
        return (
            "too few seeds to judge",
            f"Between {one[0].lower()}{one[1:]} and {other} there are too few seeds to judge: {numbers}; {why}.",
        )
    return (
        "no difference shown",
        f"Between {one[0].lower()}{one[1:]} and {other} no difference is shown: {numbers}; {why}.",
    )


def summary(outcomes: Mapping[tuple[str, str], Outcome], subject: str = "lstm") -> str:
    """One sentence on the subject beside each other model.

    Args:
        outcomes: by (one, other); those whose one is the subject are told.
        subject: a key of `NAMES`.
    """
    groups: dict[Outcome, list[str]] = {}
    for (one, other), outcome in outcomes.items():
        if one == subject:
            groups.setdefault(outcome, []).append(f"the {NAMES[other]}")
    name = f"the {NAMES[subject]}"
    forms: dict[Outcome, str] = {
        "ahead": f"{name} is ahead of {{}}",
        "behind": f"{name} is behind {{}}",
        "no difference shown": f"between {name} and {{}} no difference is shown",
        "too few seeds to judge": f"between {name} and {{}} there are too few seeds to judge",
        "not judged": f"{name} is not judged beside {{}}",
    }
    told = {
        outcome: f"{'each of ' if 'between' in forms[outcome] and len(names) > 1 else ''}{_and(names)}"
        for outcome, names in groups.items()
    }
    sentence = "; ".join(form.format(told[outcome]) for outcome, form in forms.items() if outcome in told)
    return f"{sentence[0].upper()}{sentence[1:]}."


def caveats(record: Mapping[str, Any]) -> list[str]:
    """What weakens the comparison, by rules over the content of `compare.json`; nothing where all is well."""
    networks: Mapping[str, Any] = record["models"]
    found: list[str] = []
    rates = record["rates"]
    if len(rates) == 1:
        found.append(f"One learning rate was given ({rates[0]:g}), so none was chosen: --rates takes several.")
    ends = {rates[0]: "lowest", rates[-1]: "highest"}
    at_end = [
        f"the {NAMES[cell]}'s {model['learning_rate']:g}, the {ends[model['learning_rate']]}"
        for cell, model in networks.items()
        if len(rates) > 1 and model["learning_rate"] in ends
    ]
    if at_end:
        found.append(
            f"A rate at an end of the grid was best ({'; '.join(at_end)}), and a better one may lie beyond it: give a "
            "wider grid with --rates."
        )
    for cell, model in networks.items():
        if failed := [tried["rate"] for tried in model["search"] if tried["failure"]]:
            listed = ", ".join(f"{rate:g}" for rate in failed)
            found.append(f"The {NAMES[cell]}'s training failed at rate {listed}: its loss was not finite.")
    rising = {
        cell: sum(run["best_epoch"] == run["epochs_run"] for run in model["runs"]) for cell, model in networks.items()
    }
    if late := [cell for cell, n in rising.items() if 2 * n > len(networks[cell]["runs"])]:
        listed = _and([f"the {NAMES[cell]} in {rising[cell]} of {len(networks[cell]['runs'])} runs" for cell in late])
        found.append(
            f"When the epochs ended the last was the best for {listed}: equal epochs favour what learns quickly, and "
            "more --epochs may change the order."
        )
    if len(record["seeds"]) == 1:
        found.append("One seed says nothing of how results vary from seed to seed: --seeds 3 or more does.")
    if len(record["seeds"]) == 2:
        found.append(
            "Two seeds make intervals that hardly exclude anything (Student's factor is 12.7, with three seeds 4.3): "
            "--seeds 3 or more do."
        )
    sizes = {NAMES[cell]: model["parameters"]["total"] for cell, model in networks.items()}
    if record["match"] == "width" and len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name} {n:,}" for name, n in sizes.items())
        found.append(f"Equal width is not equal size (parameters: {listed}); --match parameters makes it so.")
    if len({model["engine"]["name"] for model in networks.values()}) > 1:
        listed = ", ".join(f"{NAMES[cell]} {model['engine']['name']}" for cell, model in networks.items())
        found.append(f"Times compare implementations, not cells ({listed}); --engine torch runs all by one.")
    return found


def points(difference: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * difference:+.2f} points"


def _interval(ends: tuple[float, float]) -> str:
    return f"{100 * ends[0]:+.2f} to {100 * ends[1]:+.2f}"


def _side(interval: tuple[float, float]) -> int:
    """1 where all of an interval is above zero, -1 where all is below, else 0."""
    return int(interval[0] > 0) - int(interval[1] < 0)


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
