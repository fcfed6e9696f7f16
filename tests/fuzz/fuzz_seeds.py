"""Seeds: a small sound source of every kind that lstmkit reads, made by code."""

import gzip
import io
import json
import random
import struct
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow
import soundfile
from pyarrow import parquet

TESTS = Path(__file__).resolve().parents[1]
sys.path += [str(TESTS / name) for name in ("", "report", "stream") if str(TESTS / name) not in sys.path]

RATE = 8000
WORDS = ("fine", "dull", "good", "bad", "long", "short")


@dataclass(frozen=True)
class Seed:
    """A sound source.

    Attributes:
        name: what it is.
        files: name -> content.
        reads: how it is read, names of `fuzz_reads.READS`.
        source: the file that a command is given; empty: the folder.
        fixed: files that are left as they are.
        drawn: makes the source's content anew for each input; None: it is as it stands here.
    """

    name: str
    files: Mapping[str, bytes]
    reads: tuple[str, ...]
    source: str = ""
    fixed: tuple[str, ...] = ()
    drawn: Callable[[random.Random], bytes] | None = None


def text_of(k: int) -> str:
    """A text of a few words; the first one tells its label."""
    return " ".join([WORDS[k % 2], "film", WORDS[2 + k % 4], str(k)])


def table(rows: list[dict[str, Any]], separator: str) -> bytes:
    """A table with a header, fields quoted where they hold the separator."""
    lines = [separator.join(rows[0]), *(separator.join(map(str, row.values())) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def jsonl(rows: list[Any]) -> bytes:
    """A JSON value a line."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def parquet_of(rows: list[dict[str, Any]], schema: pyarrow.Schema | None = None, compression: str = "snappy") -> bytes:
    """A Parquet table."""
    made = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), made, compression=compression)
    return made.getvalue()


_LONG = (0, 1, -1, 1500, 2**31, -(2**31), 2**53, 2**62, -(2**62), 2**63 - 1, -(2**63))
_DRAWN_64 = [
    *(pyarrow.timestamp(unit, zone) for unit in ("ms", "us", "ns") for zone in (None, "UTC", "No/where")),
    *(pyarrow.duration(unit) for unit in ("s", "ms", "us", "ns")),
    *(pyarrow.time64("us"), pyarrow.time64("ns"), pyarrow.date64(), pyarrow.int64(), pyarrow.float64()),
]  # fmt: skip


def drawn_parquet(rng: random.Random) -> bytes:
    """A table of which some columns have odd types, or values at the borders of their types."""
    names = rng.sample(["text", "label", "series", "time", "x", "y", "ds", "unique_id", "", "text"], rng.randint(1, 7))
    n, columns = rng.choice([0, 1, 24]), []
    for _ in names:
        long = [rng.choice([rng.choice(_LONG), rng.randrange(-5000, 5000)]) for _ in range(n)]
        numbers = pyarrow.array(long, pyarrow.int64())
        match rng.randrange(9):
            case 0 | 1 | 2:
                column = numbers.view(rng.choice(_DRAWN_64))
            case 3:
                column = pyarrow.array([x % 2**31 for x in long], pyarrow.int32()).view(
                    rng.choice([pyarrow.date32(), pyarrow.time32("ms"), pyarrow.float32()])
                )
            case 4:
                column = pyarrow.array([x.to_bytes(9, "little", signed=True) for x in long], pyarrow.binary())
            case 5:
                column = pyarrow.array([[x, None] for x in long], pyarrow.list_(pyarrow.int64()))
            case 6:
                column = pyarrow.array([{"path": "x.wav", "bytes": b"RIFF", "n": x} for x in long])
            case 7:
                column = numbers.cast(pyarrow.decimal128(38, 0))
            case _:
                column = pyarrow.array(
                    [rng.choice([None, text_of(k), "a", "b", "\0"]) for k in range(n)], pyarrow.string()
                )
        if rng.random() < 0.2 and pyarrow.types.is_string(column.type):
            column = column.dictionary_encode()
        columns.append(column)
    made = io.BytesIO()
    parquet.write_table(pyarrow.table(columns, names=names), made)
    return made.getvalue()


def sound_of(k: int, kind: str = "WAV", rate: int = RATE, subtype: str = "PCM_16", channels: int = 1) -> bytes:
    """A tenth of a second of a tone, its pitch told by the label."""
    time = np.arange(rate // 10) / rate
    samples = 0.3 * np.sin(2 * np.pi * (300 + 400 * (k % 2) + k) * time)
    made = io.BytesIO()
    soundfile.write(made, np.stack([samples] * channels, 1), rate, format=kind, subtype=subtype)
    return made.getvalue()


def tar_of(files: Mapping[str, bytes]) -> bytes:
    """A `.tar.gz`."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(made.getvalue(), mtime=0)


def zip_of(files: Mapping[str, bytes]) -> bytes:
    """A zip archive."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return made.getvalue()


def idx_of(array: np.ndarray) -> bytes:
    """An IDX file of bytes."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def steps(n_series: int = 6, n_steps: int = 5) -> list[dict[str, Any]]:
    """Rows of a table with a row for each step."""
    return [
        {"series": f"s{k}", "time": t, "x": round(t * (1 + k % 2) + 0.5, 2), "y": -t, "label": "ab"[k % 2]}
        for k in range(n_series)
        for t in range(n_steps)
    ]


def days(n: int = 40, n_series: int = 1) -> list[dict[str, Any]]:
    """Rows of a table of days to forecast."""
    first = np.datetime64("2024-01-30")
    return [
        {"unique_id": f"shop{k}", "ds": str(first + t), "y": (t % 7) + 0.5 * k, "price": 2 + t % 3}
        for k in range(n_series)
        for t in range(n)
    ]


def _texts(n: int = 24) -> list[dict[str, Any]]:
    return [{"text": text_of(k), "label": "ab"[k % 2]} for k in range(n)]


def _written(write: Callable[[Path], Any]) -> dict[str, bytes]:
    """The files that a function writes into a folder, but for pictures."""
    with TemporaryDirectory() as folder:
        write(Path(folder))
        found = (path for path in sorted(Path(folder).rglob("*")) if path.is_file() and path.suffix != ".png")
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def _tables() -> list[Seed]:
    texts, series = _texts(), steps()
    wide = [{f"t{t}": t + k % 3 for t in range(6)} | {"label": "ab"[k % 2]} for k in range(24)]
    lists = [{"x": [0.5 * k, 1.5, 2.5], "y": [1.0, k / 2, 0.0], "label": "ab"[k % 2]} for k in range(24)]
    nested = [{"values": [[0.5, k / 2], [1.5, 1.0]], "label": "ab"[k % 2]} for k in range(24)]
    tokens = [{"tokens": [str(k), "7", "x"], "label": k % 2} for k in range(24)]
    ucr = "\n".join("\t".join(map(str, [k % 2 + 1, *(t * (k % 2) + 0.5 for t in range(8))])) for k in range(12))
    info, of_text, of_series = ("info", "info", "forecast"), ("predict_text",), ("predict_series",)
    forecast = ("forecast", "forecast", "info", "predict_forecast")
    made = [
        Seed("csv of texts", {"a.csv": table(texts, ",")}, (*info, *of_text), "a.csv"),
        Seed("tsv of texts", {"a.tsv": table(texts, "\t")}, (*info, *of_text), "a.tsv"),
        Seed("jsonl of texts", {"a.jsonl": jsonl(texts)}, (*info, *of_text), "a.jsonl"),
        Seed("jsonl of tokens", {"a.jsonl": jsonl(tokens)}, (*info, *of_text), "a.jsonl"),
        Seed("csv of steps", {"a.csv": table(series, ",")}, (*info, *of_series), "a.csv"),
        Seed("tsv of steps", {"a.tsv": table(series, "\t")}, (*info, *of_series), "a.tsv"),
        Seed("jsonl of steps", {"a.jsonl": jsonl(series)}, (*info, *of_series), "a.jsonl"),
        Seed("wide csv", {"a.csv": table(wide, ",")}, (*info, *of_series), "a.csv"),
        Seed("jsonl of lists", {"a.jsonl": jsonl(lists)}, (*info, *of_series), "a.jsonl"),
        Seed("jsonl of lists of lists", {"a.jsonl": jsonl(nested)}, (*info, *of_series), "a.jsonl"),
        Seed("csv to forecast", {"a.csv": table(days(), ",")}, forecast, "a.csv"),
        Seed("csv of shops to forecast", {"a.csv": table(days(12, 3), ",")}, forecast, "a.csv"),
        Seed("jsonl to forecast", {"a.jsonl": jsonl(days())}, forecast, "a.jsonl"),
        Seed("UCR tsv", {"Toy_TRAIN.tsv": ucr.encode(), "Toy_TEST.tsv": ucr.encode()}, ("info",), "Toy_TRAIN.tsv"),
        Seed("folder of tables", {f"{name}.csv": table(texts, ",") for name in ("train", "valid", "test")}, ("info",)),
        Seed("lines of texts", {"a.txt": "\n".join(map(text_of, range(20))).encode()}, ("predict_text",), "a.txt"),
    ]
    for name, rows, reads in (("texts", texts, of_text), ("steps", series, of_series), ("lists", lists, of_series)):
        for compression in ("none", "snappy"):
            content = parquet_of(rows, compression=compression)
            made.append(Seed(f"parquet of {name}, {compression}", {"a.parquet": content}, (*info, *reads), "a.parquet"))
    made.append(Seed("parquet to forecast", {"a.parquet": parquet_of(days())}, forecast, "a.parquet"))
    made.append(
        Seed("parquet of drawn types", {"a.parquet": parquet_of(texts)}, (*info, *of_text, *of_series, *forecast),
             "a.parquet", drawn=drawn_parquet)
    )  # fmt: skip
    odd = {
        "text": pyarrow.string(), "label": pyarrow.string(), "b": pyarrow.binary(), "d": pyarrow.decimal128(10, 2),
        "ns": pyarrow.timestamp("ns"), "tz": pyarrow.timestamp("us", "UTC"), "date": pyarrow.date32(),
        "span": pyarrow.duration("ns"), "clock": pyarrow.time64("us"), "s": pyarrow.struct({"x": pyarrow.int8()}),
        "map": pyarrow.map_(pyarrow.string(), pyarrow.int64()), "l": pyarrow.list_(pyarrow.list_(pyarrow.float32())),
    }  # fmt: skip
    rows = [
        {"text": text_of(k), "label": "ab"[k % 2], "b": b"\xff\xfe", "d": k, "ns": 1_000 * k, "tz": k, "date": k,
         "span": 1_000 * k, "clock": k, "s": {"x": k}, "map": [("a", k)], "l": [[0.5, k]]}
        for k in range(24)
    ]  # fmt: skip
    made.append(Seed("parquet of odd types", {"a.parquet": parquet_of(rows, pyarrow.schema(odd))}, info, "a.parquet"))
    return made


def _ts() -> list[Seed]:
    lines = ("@problemName Toy", "@timeStamps {}", "@univariate false", "@dimensions 2", "@equalLength false")
    head = "\n".join((*lines, "@classLabel true a b", "@data", ""))
    plain = head.format("false") + "".join(f"{k},2,3:4,{k},?:{'ab'[k % 2]}\n" for k in range(12))
    timed = head.format("true") + "".join(f"(0,{k}),(1,2):(0,4),(1,5):{'ab'[k % 2]}\n" for k in range(12))
    return [
        Seed("ts", {"a.ts": plain.encode()}, ("info", "predict_series"), "a.ts"),
        Seed("ts with times", {"a.ts": timed.encode()}, ("info", "predict_series"), "a.ts"),
        Seed("ts pair", {"X_TRAIN.ts": plain.encode(), "X_TEST.ts": plain.encode()}, ("info",)),
    ]


def _archives() -> list[Seed]:
    texts = {f"{s}/{'ab'[k % 2]}/{k}.txt": text_of(k).encode() for s in ("train", "test") for k in range(8)}
    images, labels = np.arange(12 * 4 * 4).reshape(12, 4, 4), np.arange(12) % 2
    mnist = {
        f"{part}-{name}": idx_of(array)
        for part in ("train", "t10k")
        for name, array in (("images-idx3-ubyte", images), ("labels-idx1-ubyte", labels))
    }
    zipped = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in mnist.items()}
    digits = {f"recordings/{k % 2}_al_{k // 2}.wav": sound_of(k) for k in range(16)}
    return [
        Seed("tar.gz of texts", {"a.tar.gz": tar_of(texts)}, ("info",), "a.tar.gz"),
        Seed("folder of texts", {f"{'ab'[k % 2]}/{k}.txt": text_of(k).encode() for k in range(8)}, ("info",)),
        Seed("IDX", mnist, ("info",)),
        Seed("IDX, gzipped", zipped, ("info",)),
        Seed("zip of recordings", {"free-spoken-digit-dataset-1.zip": zip_of(digits)}, ("info",)),
    ]  # fmt: skip


def _sounds() -> list[Seed]:
    def folder(ending: str, **form: Any) -> dict[str, bytes]:
        return {f"{'ab'[k % 2]}/{k}.{ending}": sound_of(k, **form) for k in range(6)}

    listed = [{"path": f"{k}.wav", "label": "ab"[k % 2], "start": 0, "end": 0.05} for k in range(6)]
    clips = {f"{k}.wav": sound_of(k) for k in range(6)}
    reads, of_list = ("info", "predict_sound"), ("info", "predict_sound_list")
    return [
        Seed("folder of wav", folder("wav"), reads),
        Seed("folder of wav, 24 bits, stereo", folder("wav", subtype="PCM_24", channels=2), reads),
        Seed("folder of wav, float, 44.1 kHz", folder("wav", subtype="FLOAT", rate=44_100), reads),
        Seed("folder of flac", folder("flac", kind="FLAC"), reads),
        Seed("csv of recordings", {"a.csv": table(listed, ","), **clips}, of_list, "a.csv", tuple(clips)),
        Seed("jsonl of recordings", {"a.jsonl": jsonl(listed), **clips}, of_list, "a.jsonl", tuple(clips)),
        Seed("list of recordings", {"a.txt": "\n".join(clips).encode(), **clips}, ("predict_sound_list",), "a.txt"),
    ]


def _requests() -> list[Seed]:
    from lstmkit.config.resolve import resolve, to_toml

    toml = to_toml(resolve()).encode()
    pairs = "train.epochs=3\nmodel.hidden_size = 8\ndata.text_column=\"text\"\nencoder.kind='words'\nseed=1\n"
    csv = {"a.csv": table(_texts(), ",")}
    numbers = "".join(f"{k / 2},{k},1e3\n" for k in range(8)) + "\n1,2,3\n"
    words = jsonl(["a film", {"text": "fine film"}, {"tokens": ["film", 7]}, ["good", "bad"], 3])
    steps_json = jsonl([[1, 2.5, 3], {"values": [[1, 2, 3], [None, 0, 1]]}, [0, 0, 0]])
    return [
        Seed("config.toml", {"c.toml": toml, **csv}, ("config",), "c.toml", ("a.csv",)),
        Seed("--set", {"set.txt": pairs.encode(), **csv}, ("set",), "set.txt", ("a.csv",)),
        Seed("stream of words", {"a.jsonl": words}, ("stream_text",), "a.jsonl"),
        Seed("stream of lines", {"a.txt": b"a film\nfine\n\ngood\n"}, ("stream_text_lines",), "a.txt"),
        Seed("stream of steps", {"a.txt": numbers.encode()}, ("stream_series_lines",), "a.txt"),
        Seed("stream of steps in JSON", {"a.jsonl": steps_json}, ("stream_series",), "a.jsonl"),
        Seed("stream of sound", {"a.txt": b"0.1\n0.2\n-0.3\n" * 400}, ("stream_sound",), "a.txt"),
        Seed("stream of a forecast", {"a.txt": b"1,2\n2,3\n3,4\n" * 6}, ("stream_forecast",), "a.txt"),
    ]


def _records() -> list[Seed]:
    import fake_analysis
    import fake_comparison
    import fake_probe
    import fake_records

    written: dict[str, Callable[[Path], Any]] = {
        "run": fake_records.write_run,
        "lab": fake_records.write_lab,
        "comparison": fake_comparison.write_comparison,
        "probe": fake_probe.write_probe,
        "analysis": lambda folder: fake_analysis.write(folder, fake_analysis.analysis()),
    }
    return [
        *(Seed(f"records: {name}", _written(write), ("report",)) for name, write in written.items()),
        Seed("state of a stream", {"state": _state()}, ("state",), "state"),
        Seed("checkpoint", {"last.safetensors": _checkpoint()}, ("checkpoint",), "last.safetensors"),
    ]  # fmt: skip


def _state() -> bytes:
    import streaming_toys

    stream = streaming_toys.predictor().stream()
    stream.push("a dull film")
    return stream.state


def _checkpoint() -> bytes:
    import torch

    from lstmkit.train.checkpoint import Kept, Progress, save_checkpoint

    torch.manual_seed(0)
    network = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    return _written(lambda d: save_checkpoint(d / "c", network, optimizer, Kept(), Progress(epoch=2)))["c"]


def all_seeds() -> list[Seed]:
    """Every seed, in a fixed order."""
    return [*_tables(), *_ts(), *_archives(), *_sounds(), *_requests(), *_records()]
