"""Explanations of long texts by wide networks, made up: what a page has to be thinned for."""

from dataclasses import replace

import numpy as np

from lstmkit.analyze.attribution import Attribution
from lstmkit.analyze.deletion import Deletion
from lstmkit.analyze.explained import Explanation, Inside, TextExplanation
from lstmkit.analyze.running import Running

WORDS = ("the", "film", "isn't", "<b>", "“moving”", "extraordinarily", "&", "a", "plot")


def large_explanation(n: int, n_classes: int, hidden_size: int, *, n_layers: int = 1, seed: int = 0) -> Explanation:
    """An LSTM's explanation of `n` tokens, with a plain RNN's beside it; no value in it is round."""
    random = np.random.default_rng(seed)
    tokens = [WORDS[k] for k in random.integers(0, len(WORDS), n)]
    starts = np.concatenate([[0], np.cumsum([len(token) + 1 for token in tokens])]).tolist()
    n_attributed = min(n_classes, 10)

    def shares(*shape: int) -> np.ndarray:
        return random.uniform(0, 1, shape)

    def model(cell: str) -> TextExplanation:
        def inside() -> Inside:
            names = "ifog" if cell == "lstm" else ""
            held = [shares(n, hidden_size).astype(np.float32) for _ in range(len(names) + 2)]
            return Inside(dict(zip(names, held, strict=False)), held[-2] if names else None, held[-1])

        odds, ends = random.normal(size=n_attributed), random.normal(size=n_attributed)
        return TextExplanation(
            text=" ".join(tokens),
            tokens=tokens,
            rows=random.integers(0, 5, n).astype(np.int32),
            spans=[(start, start + len(token)) for start, token in zip(starts, tokens, strict=False)],
            n_given=n,
            hole=None,
            labels=[f"a label of some length, {k}" for k in range(n_classes)],
            cell=cell,
            pooling="last",
            bidirectional=False,
            probabilities=random.dirichlet(np.ones(n_classes)),
            attribution=Attribution(
                np.arange(n_attributed), random.normal(size=(n_attributed, n)) / 1000, odds, ends,
                np.full(n_attributed, 4096),
            ),
            running=Running(np.arange(1, n + 1), shares(n, n_classes)),
            layers=[[inside()] for _ in range(n_layers)],
            deletion=Deletion(np.arange(21) * (n // 20), shares(21), shares(20, 21)),
            engine_difference=6e-8,
        )  # fmt: skip

    twin = model("rnn")
    ours = model("lstm")
    return ours.beside(replace(twin, rows=ours.rows, tokens=ours.tokens, spans=ours.spans, text=ours.text))
