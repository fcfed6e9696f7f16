"""Claims about memory, from the probe: how far back each cell solved a task that needs it."""

from typing import Any

from lstmkit.experiment.claims.judged import DOES_NOT_HOLD, GATES, HOLDS, NOT_SHOWN, RNN_MEMORY, Claim, Measured, decide

SHORT = 20  # steps: a lag up to this is short
LONG = 50  # steps: a lag from this on is long
FARTHER = 2  # times as far is clearly farther

_BUDGET = "Solved means within the probe’s budget; a longer training may go further."


def memory_claims(measured: Measured) -> list[Claim]:
    """That RNNs remember what is near, and lose what is far."""
    return [_near(measured), _far(measured)]


def long_term_claim(measured: Measured) -> Claim:
    """That the LSTM learns dependencies over long lags, and farther than the RNN."""
    rule = (
        f"Holds where the LSTM solved a lag of {LONG} steps or more in every task of the probe and reached at least "
        f"{FARTHER} times as far as the RNN in one, and less far in none; does not hold where it solved no such lag, "
        f"or reached no farther than the RNN in any task while the RNN was stopped short of the longest lag. {_BUDGET}"
    )
    claim = "Gates allow LSTMs to learn long-term dependencies effectively"
    found = _horizons(measured, "lstm", "rnn")
    if isinstance(found, str):
        return Claim(GATES, claim, rule, found, None, NOT_SHOWN)
    lags, horizons = found
    lstm, rnn = horizons["lstm"], horizons["rnn"]
    evidence = _reached(measured, horizons)
    if lags[-1] < LONG:
        return Claim(GATES, claim, rule, f"no lag of {LONG} was tried; {evidence}", "memory", NOT_SHOWN)
    far = all(lag >= LONG for lag in lstm.values())
    ahead = any(lstm[task] >= FARTHER * max(rnn[task], 1) for task in lstm)
    no_farther = all(lstm[task] <= rnn[task] < lags[-1] for task in lstm)
    verdict = decide(
        holds=far and ahead and all(lstm[task] >= rnn[task] for task in lstm),
        does_not=all(lag < LONG for lag in lstm.values()) or no_farther,
    )
    return Claim(GATES, claim, rule, evidence, "memory", verdict)


def _near(measured: Measured) -> Claim:
    claim = "RNNs remember short-term information"
    rule = (
        f"Holds where the RNN solved a lag of {SHORT} steps or fewer in every task of the probe, does not hold where "
        f"in none. {_BUDGET}"
    )
    found = _horizons(measured, "rnn")
    if isinstance(found, str):
        return Claim(RNN_MEMORY, claim, rule, found, None, NOT_SHOWN)
    lags, horizons = found
    evidence = _reached(measured, horizons)
    if lags[0] > SHORT:
        return Claim(RNN_MEMORY, claim, rule, f"no lag of {SHORT} or fewer was tried; {evidence}", "memory", NOT_SHOWN)
    solved = [lag > 0 for lag in _near_solved(measured).values()]
    return Claim(RNN_MEMORY, claim, rule, evidence, "memory", decide(holds=all(solved), does_not=not any(solved)))


def _far(measured: Measured) -> Claim:
    claim = "RNNs struggle with long sequences"
    rule = (
        f"Holds where, in every task of the probe, the LSTM solved a lag of {LONG} steps or more that the RNN did not "
        "reach with the same budget: it left it unsolved, or two lags in a row before it, and was not tried beyond. "
        f"Does not hold where the RNN solved the longest lag tried, {LONG} or more, in every task. Where neither "
        "reaches it, the budget may be at fault, and nothing is shown."
    )
    difference, low, high = measured.difference
    ends = (low, high) if high > low else None
    if ends and difference < 0:  # as the words have it: by how much the RNN leads
        ends = (-high, -low)
    sure = f"95% interval {100 * ends[0]:+.2f} to {100 * ends[1]:+.2f}, paired" if ends else "no interval"
    does = f"{'trails' if difference > 0 else 'leads'} the LSTM by {100 * abs(difference):.2f} points"
    here = (
        f"on this test set the RNN {does if difference else 'and the LSTM are right equally often'} ({sure}), at the "
        "LSTM’s learning rate, which decides nothing"
    )
    found = _horizons(measured, "rnn", "lstm")
    if isinstance(found, str):
        return Claim(RNN_MEMORY, claim, rule, f"{found}; {here}", None, NOT_SHOWN)
    lags, horizons = found
    evidence = f"{_reached(measured, horizons)}{_stopped(measured)}; {here}"
    if lags[-1] < LONG:
        return Claim(RNN_MEMORY, claim, rule, f"no lag of {LONG} was tried; {evidence}", "memory", NOT_SHOWN)
    lstm, rnn = horizons["lstm"], horizons["rnn"]
    if all(lstm[task] >= LONG and lstm[task] > rnn[task] for task in rnn):
        verdict = HOLDS
    else:
        verdict = DOES_NOT_HOLD if all(lag == lags[-1] for lag in rnn.values()) else NOT_SHOWN
    return Claim(RNN_MEMORY, claim, rule, evidence, "memory", verdict)


def _horizons(measured: Measured, *cells: str) -> tuple[list[int], dict[str, dict[str, int]]] | str:
    """The lags and, by cell and task, the longest one solved; or why there is none."""
    if measured.probe is None:
        return measured.probe_absent
    there = measured.probe["plan"]["cells"]
    if missing := [cell for cell in cells if cell not in there]:
        return f"the probe has no {' and no '.join(cell.upper() for cell in missing)}"
    horizon = measured.probe["horizon"]
    return sorted(measured.probe["plan"]["lags"]), {
        cell: {task: horizon[task][cell] for task in measured.probe["plan"]["tasks"]} for cell in cells
    }


def _near_solved(measured: Measured) -> dict[str, int]:
    """By task, how many of the short lags the RNN solved."""
    probe: dict[str, Any] = measured.probe or {}
    return {
        task: sum(point["solved"] and point["lag"] <= SHORT for point in probe["curves"][task]["rnn"])
        for task in probe["plan"]["tasks"]
    }


def _stopped(measured: Measured) -> str:
    """At which lags the RNN ended its climb, by task, where longer ones were asked for."""
    probe: dict[str, Any] = measured.probe or {}
    found = []
    for task in probe["plan"]["tasks"]:
        tried = probe["curves"][task]["rnn"]
        if tried[-1]["lag"] == max(probe["plan"]["lags"]):
            continue
        left = " and ".join(f"{point['lag']:,}" for point in tried[-2:])
        found.append(f"{probe['tasks'][task]['title'].lower()}: left {left} unsolved and was not tried beyond")
    return f"; the RNN in {'; in '.join(found)}" if found else ""


def _reached(measured: Measured, horizons: dict[str, dict[str, int]]) -> str:
    probe: dict[str, Any] = measured.probe or {}
    longest = max(probe["plan"]["lags"])

    def words(lag: int) -> str:
        return f"{lag:,} (the longest tried)" if lag == longest else f"{lag:,}" if lag else "none"

    tasks = [
        f"{probe['tasks'][task]['title'].lower()}: "
        + ", ".join(f"{cell.upper()} {words(found[task])}" for cell, found in horizons.items())
        for task in probe["plan"]["tasks"]
    ]
    return f"longest lag solved in steps, {'; '.join(tasks)}"
