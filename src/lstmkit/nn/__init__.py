"""The recurrent engine: LSTM, GRU and tanh RNN over ragged batches, by the implementation that suits the machine."""

from lstmkit.nn.adam import Adam, clip_gradients
from lstmkit.nn.engines import EngineChoice, choose_engine
from lstmkit.nn.keeping import Kept, frozen_weights
from lstmkit.nn.linear import Linear
from lstmkit.nn.lstm import LSTM, TokenLSTM
from lstmkit.nn.recurrence import Recurrence
from lstmkit.nn.segments import max_and_mean

__all__ = [
    "LSTM",
    "Adam",
    "EngineChoice",
    "Kept",
    "Linear",
    "Recurrence",
    "TokenLSTM",
    "choose_engine",
    "clip_gradients",
    "frozen_weights",
    "max_and_mean",
]
