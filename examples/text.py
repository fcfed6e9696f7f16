"""Text: a "not" turns what follows it round, which a bag of words cannot see.

python examples/text.py
"""

import random

from lstmkit import SequenceClassifier

GOOD, BAD = ["fine", "moving", "clever"], ["dull", "long", "thin"]


def review(rng: random.Random) -> tuple[str, str]:
    """A sentence of two judgements, each perhaps denied; the second decides."""
    clauses, label = [], ""
    for subject in ("the plot", "the film"):
        is_good, is_denied = rng.random() < 0.5, rng.random() < 0.5
        clauses.append(f"{subject} is {'not ' if is_denied else ''}{rng.choice(GOOD if is_good else BAD)}")
        label = "good" if is_good != is_denied else "bad"
    return " and ".join(clauses), label


def main() -> None:
    """Fit, score, predict, and ask which words counted."""
    rng = random.Random(0)
    texts, labels = zip(*(review(rng) for _ in range(600)), strict=True)
    model = SequenceClassifier(hidden_size=32, embedding_size=16, epochs=25, learning_rate=0.01, random_state=0)
    model.fit(texts[:500], labels[:500])
    print(f"accuracy on 100 others: {model.score(texts[500:], labels[500:]):.2f}")
    sentence = "the plot is dull and the film is not thin"
    print(f"{sentence}: {model.predict([sentence])[0]}")
    explanation = model.explain(sentence)
    for token, value in zip(explanation.tokens, explanation.attribution.values[0], strict=True):
        print(f"  {token:>5} {value:+.2f}")


if __name__ == "__main__":
    main()
