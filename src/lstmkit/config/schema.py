"""The configuration: every key, its type, its bounds, its default and its one-line meaning, in one place."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Cell = Literal["lstm", "gru", "rnn"]
Pooling = Literal["last", "mean", "max", "max_mean"]
EncoderKind = Literal["auto", "words", "subwords", "characters", "tokens", "series", "audio"]
Truncate = Literal["head", "tail", "ends"]
Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """A table of the configuration: unknown keys and ill-typed values are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class TaskConfig(Section):
    """What is predicted: a class, a number for a whole sequence, or the next values of a series."""

    goal: Literal["classify", "regression", "forecast"] = Field(
        default="classify", description="a class, a number for a whole sequence, or the next values of a series"
    )
    horizon: Annotated[int, Field(ge=0)] = Field(
        default=0, description="of a forecast: how many steps ahead; needed, 1 or more"
    )
    season: Annotated[int, Field(ge=0)] = Field(
        default=0, description="of a forecast: steps of a season, 1 for none; 0: found from times or training data"
    )
    context: Annotated[int, Field(ge=0)] = Field(
        default=0, description="of a forecast: most steps read before it; 0: found from season and horizon"
    )
    base: Literal["auto", "last", "season", "mean"] = Field(
        default="auto",
        description="of a forecast: what the network corrects: the last value, the season before, or the context's "
        "mean; auto: the one with the smallest error in training",
    )
    known_ahead: str = Field(
        default="", description="of a forecast: covariates whose future is known, their names separated by commas"
    )


class DataConfig(Section):
    """Where the examples come from and how they are split."""

    source: str = Field(default="", description="catalogue name, file or folder; filled in from the command's SOURCE")
    text_column: str = Field(default="", description="column that holds the text; empty: found by name and content")
    label_column: str = Field(
        default="",
        description="column that holds the label, or the number to predict; empty: found by name and content",
    )
    series_column: str = Field(
        default="", description="column that names the series of a table with a row for each step; empty: found"
    )
    time_column: str = Field(
        default="", description="column of such a table's times, numbers or dates; empty: found, or rows in order"
    )
    encoding: str = Field(default="", description="encoding of text files, such as cp1252; empty: UTF-8")
    delimiter: str = Field(
        default="", description="character between the fields of a table, or `tab`; empty: by the file's suffix"
    )
    header: bool = Field(
        default=True, description="whether a table's first line names its columns; if not they are numbered from 1"
    )
    date_format: str = Field(
        default="", description="how a table writes its dates, such as `%d/%m/%Y`; empty: forms that mean one date only"
    )
    thousands: Literal["", ",", ".", " ", "'", "_"] = Field(
        default="", description="character that groups the digits of a table's numbers; empty: none"
    )
    decimal: Literal[".", ","] = Field(default=".", description="decimal point of a table's numbers")
    on_bad_row: Literal["fail", "skip"] = Field(
        default="fail",
        description="a row that cannot be used ends the run, or is skipped, counted and written to rejected.jsonl",
    )
    valid_fraction: Annotated[float, Field(gt=0.0, lt=0.9)] = Field(
        default=0.1, description="share of the training part cut off for validation where the source has no such split"
    )
    test_fraction: Annotated[float, Field(gt=0.0, lt=0.9)] = Field(
        default=0.15, description="share of all examples cut off for the test set where the source has no such split"
    )
    split_seed: Annotated[int, Field(ge=-1, lt=2**31)] = Field(
        default=-1, description="decides which examples are cut off; -1: the run's seed"
    )


class EncoderConfig(Section):
    """How an example becomes a sequence of token numbers, or of scaled rows."""

    kind: EncoderKind = Field(
        default="auto",
        description="auto: tokens where the source has tokens, series where it has numbers, audio where it has "
        "recordings, else words",
    )
    lowercase: bool = Field(default=True, description="fold case before tokenizing text")
    vocabulary_size: Annotated[int, Field(ge=8)] = Field(
        default=30_000, description="most tokens kept, special ones included"
    )
    min_frequency: Positive = Field(default=2, description="times a word must occur in the training part to be kept")
    max_length: Positive = Field(
        default=400, description="longest sequence in tokens, steps or frames; longer ones are truncated"
    )
    truncate: Truncate = Field(
        default="ends", description="what of a long sequence is kept: its head, its tail, or half of each"
    )
    features: Literal["log_mel", "mfcc"] = Field(
        default="log_mel", description="of recordings: the logarithm of mel bands, or its cosine transform"
    )
    rate: Annotated[int, Field(ge=0, le=384_000)] = Field(
        default=0, description="Hz to which recordings are resampled; 0: the commonest rate of the training part"
    )
    window_ms: Annotated[float, Field(gt=0.0, le=1000.0)] = Field(
        default=25.0, description="length of a frame of a recording, in milliseconds"
    )
    hop_ms: Annotated[float, Field(gt=0.0, le=1000.0)] = Field(
        default=10.0, description="from a frame's beginning to the next one's, in milliseconds; at most window_ms"
    )
    n_mels: Annotated[int, Field(ge=1, le=512)] = Field(default=40, description="bands of the mel scale")
    n_mfcc: Positive = Field(default=13, description="coefficients of mfcc that are kept; at most n_mels")
    deltas: Literal[0, 1, 2] = Field(
        default=0, description="1: slopes over time beside the features; 2: and slopes of these"
    )


class AugmentConfig(Section):
    """Changes to training batches of series and recordings; each batch draws its own, and 0 leaves a change out."""

    jitter: Annotated[float, Field(ge=0.0)] = Field(
        default=0.0,
        description="series: deviation of noise added to each value, in a channel's own deviations",
    )
    scaling: Annotated[float, Field(ge=0.0)] = Field(
        default=0.0, description="series: standard deviation of the logarithm of a factor for each one and channel"
    )
    offset: Annotated[float, Field(ge=0.0)] = Field(
        default=0.0,
        description="series: deviation of a number added to all values of a channel, one for each series and channel, "
        "in the channel's own deviations",
    )
    time_warp: Fraction = Field(
        default=0.0,
        description="how much quicker or slower a series or recording may run in places, a share of its pace",
    )
    time_shift_ms: Annotated[float, Field(ge=0.0)] = Field(
        default=0.0, description="recordings: most milliseconds that one begins earlier or later; silence comes in"
    )
    gain_db: Annotated[float, Field(ge=0.0)] = Field(
        default=0.0, description="recordings: most decibels that one is louder or softer"
    )
    time_masks: Annotated[int, Field(ge=0)] = Field(default=0, description="recordings: stretches of time hidden")
    time_mask_share: Fraction = Field(default=0.2, description="share of a recording that such a mask hides at most")
    frequency_masks: Annotated[int, Field(ge=0)] = Field(
        default=0, description="recordings: ranges of mel bands hidden; there are none with mfcc"
    )
    frequency_mask_bands: Positive = Field(default=8, description="mel bands that such a mask hides at most")


class ModelConfig(Section):
    """The network: embedding or projection, recurrence, pooling, head."""

    cell: Cell = Field(default="lstm", description="recurrent cell")
    embedding_size: Positive = Field(
        default=128, description="features per token, or per step of a series, as the recurrence reads them"
    )
    embedding_std: Annotated[float, Field(gt=0.0)] = Field(
        default=1.0, description="standard deviation of the embedding's initial values; 1 is torch's own"
    )
    hidden_size: Positive = Field(default=128, description="units of each layer and direction")
    num_layers: Positive = Field(default=1, description="recurrent layers on top of each other")
    bidirectional: bool = Field(default=False, description="read each sequence from both ends")
    pooling: Pooling = Field(
        default="last", description="from states to one vector: the last valid state, or over all valid states"
    )
    word_dropout: Fraction = Field(
        default=0.0, description="share of the vocabulary replaced by the unknown token, drawn anew for each batch"
    )
    word_dropout_length: Positive = Field(
        default=32, description="mean length of a batch under which fewer words are dropped, in proportion"
    )
    layer_dropout: Fraction = Field(
        default=0.0, description="dropout between recurrent layers; needs num_layers of 2 or more"
    )
    head_dropout: Fraction = Field(default=0.0, description="dropout before the fully connected layer")
    forget_bias: float = Field(
        default=1.0, description="bias of the LSTM's forget gate at the start (one of the two bias vectors)"
    )
    initialization: Literal["standard", "chrono"] = Field(
        default="standard",
        description="chrono: the LSTM's gates begin with time constants spread up to chrono_length, and forget_bias "
        "is not used (Tallec and Ollivier 2018); other cells have no such gates and begin as always",
    )
    chrono_length: Annotated[int, Field(ge=0)] = Field(
        default=0, description="longest span in tokens that chrono prepares for; 0: the longest training sequence"
    )


class TrainConfig(Section):
    """The loop."""

    epochs: Annotated[int, Field(ge=0)] = Field(
        default=10, description="passes over the training part; 0: six, or on small data up to 60, for 2,000 steps"
    )
    batch_size: Annotated[int, Field(ge=0)] = Field(
        default=64, description="sequences a step; 0: 64, and on small data a hundredth of it, from 16 on"
    )
    optimizer: Literal["adam", "adamw"] = Field(
        default="adam", description="adamw decouples weight decay from the gradient"
    )
    learning_rate: Annotated[float, Field(gt=0.0)] = Field(
        default=1e-3, description="highest learning rate of the schedule"
    )
    schedule: Literal["constant", "one_cycle", "cosine"] = Field(
        default="constant", description="learning rate over the run"
    )
    warmup_fraction: Fraction = Field(
        default=0.3, description="share of the run in which one_cycle and cosine climb to the rate"
    )
    clip_norm: Annotated[float, Field(ge=0.0)] = Field(
        default=1.0, description="largest norm of the gradient; 0: no clipping"
    )
    weight_decay: Annotated[float, Field(ge=0.0)] = Field(default=0.0, description="the optimizer's weight decay")
    label_smoothing: Fraction = Field(default=0.0, description="share of each target spread over all classes")
    averaging: Fraction = Field(
        default=0.0,
        description="decay of a running mean of the weights, which is then what is validated and kept; 0: none",
    )
    class_weights: Literal["none", "balanced"] = Field(
        default="none", description="balanced: classes count inversely to their size"
    )
    early_stopping: Annotated[int, Field(ge=0)] = Field(
        default=0, description="epochs without a better validation before stopping; 0: never"
    )
    select_by: Literal["accuracy", "loss", "last"] = Field(
        default="accuracy",
        description="what of validation chooses the epoch that is kept; last: the last one, and nothing stops early",
    )
    refit: bool = Field(
        default=False, description="train again on training + validation for the chosen number of epochs"
    )
    checkpoint_seconds: Annotated[float, Field(gt=0.0)] = Field(
        default=60.0, description="seconds between checkpoints within an epoch"
    )


class RunConfig(Section):
    """The machine's side; it does not change what is computed, but for rounding."""

    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="auto: cuda where there is one")
    threads: Annotated[int, Field(ge=0)] = Field(default=0, description="CPU threads; 0: as torch chooses")
    engine: Literal["auto", "native", "torch", "reference"] = Field(
        default="auto", description="implementation of the recurrence"
    )


class Config(Section):
    """Everything that decides what a run computes."""

    preset: str = Field(default="default", description="the preset that the other keys started from")
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(
        default=0, description="splits, initial weights, order of batches, dropout"
    )
    task: TaskConfig = TaskConfig()
    data: DataConfig = DataConfig()
    encoder: EncoderConfig = EncoderConfig()
    augment: AugmentConfig = AugmentConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    run: RunConfig = RunConfig()

    @property
    def split_seed(self) -> int:
        """What decides the splits: `data.split_seed`, or `seed` where that is left to the run."""
        return self.seed if self.data.split_seed < 0 else self.data.split_seed
