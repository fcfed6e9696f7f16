"""The laboratory sheet that lstmkit grew from, in its own words where a page quotes it. It names no data set."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sheet:
    """What the sheet says; `accuracy` is its test accuracy, in percent."""

    aim: str
    objectives: tuple[str, ...]
    pseudocode: str
    result: str
    accuracy: float


SHEET = Sheet(
    aim="Build and train an LSTM network in PyTorch.",
    objectives=(
        "Understand how LSTM improves over RNN for sequential data.",
        "Implement an LSTM for sequence classification.",
        "Train the model and track loss and accuracy.",
        "Evaluate the model on test sequence.",
    ),
    pseudocode="""\
1. Import libraries.
2. Define LSTM model:
   Embedding → LSTM → Fully connected / output
3. Define Cross entropy and Adam Optimizer.
4. Train model for multiple epochs:
   - Forward pass
   - Compute Loss
   - Backpropagate
   - Update weights
   - Track accuracy and loss
5. Plot training loss and accuracy.
6. Evaluate on test set.""",
    result="Successfully built and trained an LSTM network.",
    accuracy=85.95,
)
