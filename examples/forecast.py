"""Forecasts: the next twelve months of a series that grows and has a season, with the 10, 50 and 90% quantiles.

python examples/forecast.py
"""

import numpy as np

from lstmkit import SequenceForecaster


def main() -> None:
    """Fit to ten years, forecast the eleventh, and count what the range holds."""
    random = np.random.default_rng(0)
    months = np.arange(132)
    sales = 50 + 0.4 * months + 10 * np.sin(2 * np.pi * months / 12) + 2 * random.standard_normal(132)
    model = SequenceForecaster(horizon=12, season=12, epochs=15, random_state=0).fit([sales[:120]])
    low, middle, high = model.predict_quantiles([sales[:120]])[0].T
    truth = sales[120:]
    for month, (least, likely, most, found) in enumerate(zip(low, middle, high, truth, strict=True), 1):
        print(f"month {month:2}: {likely:6.1f} ({least:6.1f} to {most:6.1f}), came {found:6.1f}")
    print(
        f"mean error {np.abs(middle - truth).mean():.2f}; {((low <= truth) & (truth <= high)).sum()} of 12 in the range"
    )


if __name__ == "__main__":
    main()
