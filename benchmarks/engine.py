"""The recurrent engine beside `torch.nn.LSTM`, padded and packed: time, share of the processor's rate, memory.

    python benchmarks/engine.py --quick --json engine.json

Of each shape the subjects run in turn in one process; a row gives medians, and the least and most beside them. A batch
is laid out before the clock starts, for each subject as it likes it best. `mm_share` is the arithmetic of the
recurrence alone, forward and backward, as a share of the rate of a 2048 x 2048 `torch.mm` that takes turns with it;
`mm_share_net` leaves out the adding up of the table's gradient by row, which is no part of that arithmetic.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from measuring import FULL, LARGE_PRODUCT_FLOP, QUICK, Effort, large_product, machine, print_machine, side_by_side
from memory import growth
from shapes import FIELD, KINDS, Kind, Shape, shapes
from subjects import (
    Batch,
    dense_subjects,
    difference,
    draw,
    flop_of,
    recurrence,
    step_subjects,
    token_subjects,
)

from lstmkit.config.resolve import resolve
from lstmkit.core.files import write_json
from lstmkit.data.batching import batch_of, shuffled_batches
from lstmkit.experiment.prepare import prepare
from lstmkit.nn.library import native_library

Row = dict[str, Any]
_HEAD = (
    "kind   mode    batch steps input hidden lengths |      ours ms (least..most)     |   padded ms  ratio |"
    "   packed ms  ratio |   mm"
)


def measure(shape: Shape, effort: Effort, batches: Sequence[Batch] | None = None) -> Row:
    """One row of the table.

    Args:
        shape: what to measure.
        effort: how long.
        batches: tokens to take in place of drawn ones; a run takes all of them.
    """
    if shape.kind == "step":
        batches, (runs, module) = [], step_subjects(shape)
    elif shape.kind == "dense":
        batches = [draw(shape)]
        runs, module = dense_subjects(shape, batches[0])
    else:
        batches = batches or [draw(shape)]
        runs, module = token_subjects(shape, batches)
    row: Row = {**asdict(shape), "n_batches": len(batches)}
    if batches:
        row["difference"] = difference(shape, runs, batches[-1])
    spreads = side_by_side(runs, effort)
    for name, spread in spreads.items():
        row |= spread.fields(name)
    row |= {"mm_share": None, "engine": module.last_engine, "reason": module.last_reason}
    if batches and native_library().library is not None:
        parts = side_by_side({"mm": large_product(), **recurrence(shape, batches)}, effort)
        for name, spread in parts.items():
            row |= spread.fields(name)
        rate = LARGE_PRODUCT_FLOP / parts["mm"].median_ms
        flop = flop_of(shape, batches)
        row["mm_share"] = round(flop / parts["recur"].median_ms / rate, 4)
        scatter_ms = parts["scatter"].median_ms if "scatter" in parts else 0.0
        row["mm_share_net"] = round(flop / (parts["recur"].median_ms - scatter_ms) / rate, 4)
    return row


def line_of(row: Row) -> str:
    """A row for people."""
    share = f"{row['mm_share']:4.0%}" if row["mm_share"] is not None else "   –"
    ours = f"{row['ours_ms']:10.3f} ({row['ours_ms_min']:.3f}..{row['ours_ms_max']:.3f})"
    peers = " | ".join(f"{row[f'{p}_ms']:11.3f} {row[f'{p}_ms'] / row['ours_ms']:5.1f}x" for p in ("padded", "packed"))
    notes = [
        note
        for note, holds in (
            ("both directions", row["bidirectional"]),
            ("gradient of the input", row["input_grad"]),
            ("tokens", row["reads_tokens"]),
            (f"{row['n_batches']} batches", row["n_batches"] > 1),
            (f"engine {row['engine']}: {row['reason']}", row["engine"] != "native"),
        )
        if holds
    ]
    shape = f"{row['kind']:6} {row['mode']:7} {row['batch']:5} {row['steps']:5} {row['input']:5} {row['hidden']:6}"
    lengths = "ragged" if row["ragged"] else "equal"
    return f"{shape} {lengths:7} | {ours:30} | {peers} | {share}  {', '.join(notes)}".rstrip()


def imdb_rows(quick: bool, effort: Effort) -> Iterable[Row]:
    """Real batches of both presets, as their trainer makes them; nothing where the data is not at hand."""
    if not (Path(os.environ.get("LSTMKIT_DATA", "")) / "imdb").is_dir() or not os.environ.get("LSTMKIT_DATA"):
        print("imdb   skipped: $LSTMKIT_DATA names no folder that holds imdb/")
        return
    for preset in ("lab", "default"):
        config = resolve(preset, None, [], {"data.source": "imdb"})
        encoded = prepare(config).encoded
        part = encoded.parts["train"]
        chosen = shuffled_batches(part.lengths, config.train.batch_size, config.seed, 1)
        n_batches = 2 if quick else 10
        batches = []
        for places in chosen[:: len(chosen) // n_batches][:n_batches]:
            ragged = batch_of(part, places)
            padded = ragged.layout.to_padded(ragged.rows)
            lengths = ragged.layout.lengths.tolist()
            batches.append(Batch.of([padded[:n, k] for k, n in enumerate(lengths)]))
        shape = Shape(
            "imdb",
            config.train.batch_size,
            max(len(batch.padded) for batch in batches),
            config.model.embedding_size,
            config.model.hidden_size,
            ragged=True,
            bidirectional=config.model.bidirectional,
            vocabulary=encoded.encoder.vocabulary_size,
        )
        for mode in ("train",) if quick else ("train", "forward"):
            yield {"preset": preset, **measure(replace(shape, mode=mode), effort, batches)}


def between_products(shape: Shape, n_runs: int) -> Row:
    """The recurrence by itself, and directly after a `torch.mm`, whose workers then still spin and wait for work.

    The two take turns, and each run by itself comes after one more like it, so that nothing else is awake.
    """
    product = large_product()
    run = recurrence(shape, [draw(shape)])["recur"]
    alone_s: list[float] = []
    after_s: list[float] = []
    for _ in range(n_runs + 1):
        run()
        alone_s.append(_time_of(run))
        product()
        after_s.append(_time_of(run))
    found: Row = {}
    for name, times in (("alone", alone_s[1:]), ("after_mm", after_s[1:])):
        found[f"{name}_ms"] = round(1e3 * statistics.median(times), 3)
        found[f"{name}_ms_min"], found[f"{name}_ms_max"] = round(1e3 * min(times), 3), round(1e3 * max(times), 3)
    return found


def _time_of(run: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    run()
    return time.perf_counter() - started_s


def in_a_process(part: str, threads: int, **environment: str) -> Row:
    """A part of this benchmark in a process of its own: what it measures."""
    command = [sys.executable, __file__, "--part", part, "--threads", str(threads)]
    done = subprocess.run(  # noqa: S603  (this very file)
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{part} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def between_rows(threads: int) -> Iterable[Row]:
    """Both ways to get threads, each in a process of its own."""
    print("\nThe recurrence between two torch.mm (64 x 250 steps, hidden 128)")
    for kind, environment in (("borrowed", {}), ("own", {"LSTMKIT_THREADS": "own"})):
        row = {"threads": kind, **in_a_process("between", threads, **environment)}
        alone, after = (
            f"{row[f'{name}_ms']:8.2f} ms ({row[f'{name}_ms_min']:.2f}..{row[f'{name}_ms_max']:.2f})"
            for name in ("alone", "after_mm")
        )
        print(f"{kind:9} threads: alone {alone}, after torch.mm {after}", flush=True)
        yield row


def memory_rows(threads: int) -> Iterable[Row]:
    """What training adds to the most memory that a process held, each subject in a process of its own."""
    print("\nPeak memory of forward and backward above what the process held before")
    for name, number in (("equal lengths", 0), ("ragged", 1)):
        row: Row = {"lengths": name}
        for subject in ("ours", "padded", "packed"):
            row[f"{subject}_mib"] = in_a_process(f"memory:{subject}:{number}", threads)["mib"]
        print(
            f"64 x {FIELD[number].steps} steps, 128, 128, {name:13}: ours {row['ours_mib']:7.1f} MiB, "
            f"padded {row['padded_mib']:7.1f} MiB, packed {row['packed_mib']:7.1f} MiB",
            flush=True,
        )
        yield row


def measure_all(wanted: Iterable[Shape], effort: Effort) -> list[Row]:
    """All rows of drawn batches, each printed as it comes."""
    rows: list[Row] = []
    for shape in wanted:
        rows.append(measure(shape, effort))
        print(line_of(rows[-1]), flush=True)
    return rows


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer shapes and runs: under 5 minutes on 2 cores")
    parser.add_argument("--threads", type=int, default=0, help="0: as torch chooses")
    parser.add_argument("--only", choices=(*KINDS, "between", "memory"), action="append", help="may be given again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where rows are written")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    if arguments.part:
        print(json.dumps(_part(arguments.part)))
        return
    started_s = time.monotonic()
    effort = QUICK if arguments.quick else FULL
    only: set[Kind | str] = set(arguments.only or (*KINDS, "between", "memory"))
    header = machine(quick=arguments.quick, command=sys.argv)
    print_machine(header)
    print(f"\n{_HEAD}")
    record: Row = {"header": header}
    record["rows"] = measure_all((shape for shape in shapes(arguments.quick) if shape.kind in only), effort)
    if "imdb" in only:
        for row in imdb_rows(arguments.quick, effort):
            record["rows"].append(row)
            print(line_of(row), flush=True)
    if "between" in only and native_library().library is not None:
        record["between"] = list(between_rows(arguments.threads))
    if "memory" in only:
        record["memory"] = list(memory_rows(arguments.threads))
    header["wall_seconds"] = round(time.monotonic() - started_s, 1)
    print(f"\n{header['wall_seconds']:.0f} s")
    if arguments.json:
        write_json(arguments.json, record)


def _part(part: str) -> Row:
    kind, *rest = part.split(":")
    if kind == "between":
        return between_products(FIELD[0], 15)
    subject, number = rest
    shape = FIELD[int(number)]
    runs, _ = token_subjects(shape, [draw(shape)])
    return {"mib": growth(runs[subject])}


if __name__ == "__main__":
    main()
