"""What the recurrent cells are called wherever people read of them."""

NAMES = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}
"""On pages and plots, and in sentences."""

FULL_NAMES = NAMES | {"rnn": "RNN (tanh)"}
"""In the tables and headings of a terminal, where nothing beside them says which RNN is meant."""

CHRONO = "LSTM, chrono"
"""An LSTM with chrono initialisation, where it stands beside one without."""

STEPS = {"text": "tokens", "tokens": "tokens", "series": "steps", "audio": "frames"}
"""What the steps of a sequence are called, by what a source holds."""

KEPT = {"head": "its head is kept", "tail": "its tail is kept", "ends": "half of it from each end is kept"}
"""What is kept of a sequence that is too long, by `encoder.truncate`."""
