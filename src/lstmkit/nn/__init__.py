"""The recurrent engine: LSTM, GRU and tanh RNN over ragged batches, by the implementation that suits the machine."""

from lstmkit.nn.engines import EngineChoice, choose_engine
from lstmkit.nn.lstm import LSTM, TokenLSTM
from lstmkit.nn.recurrence import Recurrence
from lstmkit.nn.segments import max_and_mean

__all__ = ["LSTM", "EngineChoice", "Recurrence", "TokenLSTM", "choose_engine", "max_and_mean"]
