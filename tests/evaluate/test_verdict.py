"""The verdict's rules on synthetic records: every outcome, and every caveat, comes from its figures alone."""

import copy
from typing import Any, get_args

import pytest

from lstmkit.evaluate.verdict import NAMES, Outcome, Pair, caveats, has_learned, judge, summary


def pair(
    examples: tuple[float, float], seeds: tuple[float, float] | None, one: str = "lstm", other: str = "rnn", **more: Any
) -> Pair:
    return Pair(one, other, sum(examples) / 2, examples, seeds, **more)


CASES: dict[str, tuple[Pair, str, str]] = {
    "ahead": (
        pair((0.02, 0.06), (0.01, 0.07)),
        "ahead",
        "The LSTM is ahead of the RNN: +4.00 points (+2.00 to +6.00 over test examples, +1.00 to +7.00 over seeds).",
    ),
    "behind": (
        pair((-0.06, -0.02), (-0.07, -0.01), other="linear"),
        "behind",
        "The LSTM is behind the linear model: -4.00 points (-6.00 to -2.00 over test examples, -7.00 to -1.00 over "
        "seeds).",
    ),
    "zero within both": (
        pair((-0.02, 0.03), (-0.01, 0.02)),
        "no difference shown",
        "Between the LSTM and the RNN no difference is shown: +0.50 points (-2.00 to +3.00 over test examples, -1.00 "
        "to +2.00 over seeds); zero lies within both intervals.",
    ),
    "few examples": (pair((-0.01, 0.03), (0.005, 0.015)), "no difference shown", "other test examples may turn it"),
    "seeds vary": (
        pair((0.01, 0.03), (-0.02, 0.06)),
        "no difference shown",
        "on these examples it is clear, but from seed to seed it varies too much",
    ),
    "sides differ": (pair((0.01, 0.03), (-0.05, -0.01)), "no difference shown", "on different sides of zero"),
    "an end at zero": (pair((0.0, 0.03), (0.0, 0.03)), "no difference shown", "zero lies within both intervals"),
    "identical": (
        pair((0.0, 0.0), (0.0, 0.0)),
        "no difference shown",
        "+0.00 points (no interval over test examples; seeds do not vary); the difference is the same on every test",
    ),
    "always right, always wrong": (
        pair((1.0, 1.0), (1.0, 1.0)),
        "no difference shown",
        "+100.00 points (no interval over test examples; seeds do not vary)",
    ),
    "seeds that do not vary": (
        pair((0.01, 0.03), (0.02, 0.02)),
        "ahead",
        "+2.00 points (+1.00 to +3.00 over test examples; seeds do not vary).",
    ),
    "seeds that do not vary, open": (
        pair((-0.01, 0.03), None, n_seeds=3),
        "no difference shown",
        "zero lies within the interval.",
    ),
    "two seeds, open": (
        pair((-0.02, 0.03), (-0.10, 0.11), n_seeds=2),
        "too few seeds to judge",
        "Between the LSTM and the RNN there are too few seeds to judge: +0.50 points (-2.00 to +3.00 over test "
        "examples, -10.00 to +11.00 over seeds); zero lies within both intervals.",
    ),
    "two seeds, clear on examples": (
        pair((0.01, 0.03), (-0.10, 0.14), n_seeds=2),
        "too few seeds to judge",
        "from seed to seed it varies too much",
    ),
    "two seeds, ahead": (pair((0.01, 0.03), (0.01, 0.03), n_seeds=2), "ahead", "ahead of the RNN: +2.00 points"),
    "one seed, ahead": (
        pair((0.01, 0.03), None),
        "ahead",
        "+2.00 points (+1.00 to +3.00 over test examples; one seed)",
    ),
    "one seed, behind": (pair((-0.03, -0.01), None), "behind", "one seed"),
    "one seed, open": (pair((-0.01, 0.03), None), "too few seeds to judge", "zero lies within the interval."),
    "the other has not learned": (
        pair((0.3, 0.4), (0.3, 0.4), not_learned=("rnn",)),
        "not judged",
        "The LSTM and the RNN are not judged: the RNN has not learned to do better than the majority class, and a "
        "failed run shows no limit of its cell.",
    ),
    "neither has learned": (
        pair((-0.01, 0.01), None, not_learned=("lstm", "rnn")),
        "not judged",
        "the LSTM and the RNN have not learned",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_pair_is_judged_by_its_intervals(name: str) -> None:
    subject, outcome, words = CASES[name]
    found, sentence = judge(subject)
    assert found == outcome
    assert words in sentence
    assert "  " not in sentence
    assert sentence.endswith(".")


def test_every_outcome_has_a_case() -> None:
    assert {outcome for _, outcome, _ in CASES.values()} == set(get_args(Outcome))


def test_turned_round_a_pair_has_the_opposite_outcome() -> None:
    opposite = {"ahead": "behind", "behind": "ahead"}
    for subject, outcome, _ in CASES.values():
        turned = Pair(
            subject.other,
            subject.one,
            -subject.difference,
            subject.examples_ci95 and (-subject.examples_ci95[1], -subject.examples_ci95[0]),
            subject.seeds_ci95 and (-subject.seeds_ci95[1], -subject.seeds_ci95[0]),
            subject.not_learned,
            subject.n_seeds,
        )
        assert judge(turned)[0] == opposite.get(outcome, outcome)


def test_learning_is_measured_against_the_majority_class() -> None:
    assert has_learned(0.6, 1000, 0.5)
    assert not has_learned(0.52, 1000, 0.5), "the interval of 52% holds 50%"
    assert has_learned(0.52, 100_000, 0.5)
    assert not has_learned(0.1, 269, 0.1)
    assert not has_learned(0.0, 10, 0.0)


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        (
            {("lstm", "gru"): "no difference shown", ("lstm", "rnn"): "ahead", ("lstm", "linear"): "ahead"},
            "The LSTM is ahead of the RNN and the linear model; between the LSTM and the GRU no difference is shown.",
        ),
        (
            {("lstm", "gru"): "behind", ("lstm", "rnn"): "not judged", ("gru", "rnn"): "ahead"},
            "The LSTM is behind the GRU; the LSTM is not judged beside the RNN.",
        ),
        (
            {("lstm", other): "no difference shown" for other in ("gru", "rnn", "linear")},
            "Between the LSTM and each of the GRU, the RNN and the linear model no difference is shown.",
        ),
        (
            {("lstm", "gru"): "ahead", ("lstm", "rnn"): "too few seeds to judge", ("lstm", "linear"): "behind"},
            "The LSTM is ahead of the GRU; the LSTM is behind the linear model; between the LSTM and the RNN there are "
            "too few seeds to judge.",
        ),
    ],
)
def test_the_summary_tells_of_the_lstm_beside_each_other(outcomes: Any, words: str) -> None:
    assert summary(outcomes) == words


def sound() -> dict[str, Any]:
    """A record that nothing weakens."""
    rates = [0.001, 0.003, 0.01]
    model = {
        "learning_rate": 0.003,
        "search": [{"rate": rate, "failure": None} for rate in rates],
        "runs": [{"best_epoch": 7, "epochs_run": 10} for _ in range(3)],
        "parameters": {"total": 1000},
        "engine": {"name": "torch"},
    }
    return {
        "rates": rates,
        "seeds": [0, 1, 2],
        "match": "width",
        "models": {cell: copy.deepcopy(model) for cell in ("lstm", "gru", "rnn")},
    }


def test_nothing_weakens_a_sound_comparison() -> None:
    assert caveats(sound()) == []


def test_each_weakness_is_told_by_itself() -> None:
    def only(change: Any) -> str:
        record = sound()
        change(record)
        (found,) = caveats(record)
        return found

    def set_model(cell: str, **values: Any) -> Any:
        return lambda record: record["models"][cell].update(values)

    assert "the GRU's 0.01, the highest" in only(set_model("gru", learning_rate=0.01))
    assert "the RNN's 0.001, the lowest" in only(set_model("rnn", learning_rate=0.001))
    failed = [{"rate": 0.003, "failure": None}, {"rate": 0.01, "failure": "not finite"}]
    assert only(set_model("rnn", search=failed)) == "The RNN's training failed at rate 0.01: its loss was not finite."
    late = [{"best_epoch": 10, "epochs_run": 10}] * 2 + [{"best_epoch": 4, "epochs_run": 10}]
    assert "the last was the best for the GRU in 2 of 3 runs" in only(set_model("gru", runs=late))
    assert "One seed says nothing" in only(
        lambda record: record.update(
            seeds=[0],
            models={cell: model | {"runs": model["runs"][:1]} for cell, model in record["models"].items()},
        )
    )
    assert "Two seeds make intervals that hardly exclude anything" in only(
        lambda record: record.update(
            seeds=[0, 1],
            models={cell: model | {"runs": model["runs"][:2]} for cell, model in record["models"].items()},
        )
    )
    assert "One learning rate was given (0.003)" in only(lambda record: record.update(rates=[0.003]))
    assert "(parameters: LSTM 1,000, GRU 1,000, RNN 400)" in only(set_model("rnn", parameters={"total": 400}))
    assert "(LSTM native, GRU torch, RNN torch)" in only(set_model("lstm", engine={"name": "native"}))


def test_two_at_different_ends_and_half_of_the_runs_late() -> None:
    record = sound()
    record["models"]["lstm"]["learning_rate"], record["models"]["rnn"]["learning_rate"] = 0.01, 0.001
    (found,) = caveats(record)
    assert "(the LSTM's 0.01, the highest; the RNN's 0.001, the lowest)" in found
    record = sound()
    record["models"]["gru"]["runs"] = [{"best_epoch": 10, "epochs_run": 10}, {"best_epoch": 3, "epochs_run": 10}]
    assert caveats(record) == [], "half of the runs is not most of them"
    record = sound()
    record["match"] = "parameters"
    record["models"]["rnn"]["parameters"]["total"] = 990  # as near as whole sizes allow
    assert caveats(record) == []


def test_every_model_has_a_name() -> None:
    assert set(NAMES) == {"lstm", "gru", "rnn", "linear"}
