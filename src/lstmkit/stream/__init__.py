"""Answers while a sequence is still arriving: one stream, or many in one call, in memory that does not grow."""

from lstmkit.stream.forecast import ForecastStream, StreamingForecaster
from lstmkit.stream.forecast_pool import ForecastPool
from lstmkit.stream.model import StreamingModel
from lstmkit.stream.pool import StreamPool
from lstmkit.stream.stream import Stream

__all__ = ["ForecastPool", "ForecastStream", "Stream", "StreamPool", "StreamingForecaster", "StreamingModel"]
