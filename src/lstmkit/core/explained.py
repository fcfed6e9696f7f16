"""What measures an explanation, its record and its page agree on; plain numbers and words, no torch."""

COMPLETE_WITHIN = 0.01  # of the difference in log-odds that the attributions should sum to
LEAST_DIFFERENCE = 0.1  # nats; a smaller difference is held to 1% of this, since 1% of nothing is nothing
ENGINE_WITHIN = 1e-5  # of probabilities, between the instrumented network and the engine: float32's rounding
MOST_CURVES = 8  # channels of a series shown as curves; with more there is a map, and the others are folded away
MOST_POINTS = 10_000  # of all curves of a network together; of a longer series only the first curves are drawn
MOST_COLUMNS = 250  # of a map; more are put together, as on a telephone they would be anyway
COLOURED_TOKENS = 2000  # of a text that the page colours without its script; of a longer one it has the words alone


def completeness(difference: float, error: float, n_points: int) -> str:
    """Whether attributions are complete, in words.

    Args:
        difference: what they should sum to, in nats.
        error: how far they are off, as a share of the difference, or of `LEAST_DIFFERENCE` where that is more.
        n_points: points of the path.
    """
    state = "complete" if error <= COMPLETE_WITHIN else "NOT complete"
    after = f"off after {n_points:,} points of the path"
    if abs(difference) >= LEAST_DIFFERENCE:
        return f"{state}, {error:.2%} {after}"
    return (
        f"{state}, {error * LEAST_DIFFERENCE:.5f} nats {after} (a difference below {LEAST_DIFFERENCE:g} nats may be "
        f"missed by {COMPLETE_WITHIN * LEAST_DIFFERENCE:g})"
    )
