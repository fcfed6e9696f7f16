"""The compiled library behind a plain C interface: found, loaded and declared once; absent with a reason."""

import ctypes
import os
from ctypes import POINTER, Structure, c_char_p, c_double, c_int32, c_int64, c_void_p
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

_INTERFACE = 5  # of native/interface.h


class Direction(Structure):
    """`lstmkit_direction` of native/jobs.h: one direction of one layer."""

    _fields_ = (
        ("hidden", c_int64),
        ("n_steps", c_int64),
        ("n_sequences", c_int64),
        ("reverse", c_int64),
        ("starts", c_void_p),
        ("table", c_void_p),
        ("table_stride", c_int64),
        ("rows", c_void_p),
        ("weight", c_void_p),
        ("h0", c_void_p),
        ("c0", c_void_p),
        ("states", c_void_p),
        ("states_stride", c_int64),
        ("gates", c_void_p),
        ("gates_stride", c_int64),
        ("cells", c_void_p),
        ("grad_states", c_void_p),
        ("grad_stride", c_int64),
        ("grad_hidden", c_void_p),
        ("grad_cell", c_void_p),
        ("work", c_void_p),
        ("work_stride", c_int64),
    )


class Product(Structure):
    """`lstmkit_product` of native/jobs.h: out = a @ b + bias."""

    _fields_ = (
        ("n", c_int64),
        ("k", c_int64),
        ("m", c_int64),
        ("a", c_void_p),
        ("a_stride", c_int64),
        ("packed", c_void_p),
        ("bias", c_void_p),
        ("out", c_void_p),
        ("out_stride", c_int64),
    )


class Outer(Structure):
    """`lstmkit_outer` of native/jobs.h: a sum of outer products over rows."""

    _fields_ = (
        ("n", c_int64),
        ("m", c_int64),
        ("p", c_int64),
        ("a", c_void_p),
        ("a_stride", c_int64),
        ("b", c_void_p),
        ("b_stride", c_int64),
        ("b_rows", c_void_p),
        ("out", c_void_p),
        ("column_sums", c_void_p),
        ("work", c_void_p),
    )


class StepJob(Structure):
    """`lstmkit_step_job` of native/jobs.h: one step of one direction."""

    _fields_ = (
        ("n", c_int64),
        ("features", c_int64),
        ("hidden", c_int64),
        ("weight_ih", c_void_p),
        ("weight_hh", c_void_p),
        ("bias_ih", c_void_p),
        ("bias_hh", c_void_p),
        ("inputs", c_void_p),
        ("h", c_void_p),
        ("c", c_void_p),
        ("output", c_void_p),
        ("output_stride", c_int64),
        ("h_next", c_void_p),
        ("c_next", c_void_p),
        ("work", c_void_p),
    )


class Pooling(Structure):
    """`lstmkit_pooling` of native/jobs.h: the largest value and the mean of each sequence's rows."""

    _fields_ = (
        ("n_steps", c_int64),
        ("n_sequences", c_int64),
        ("width", c_int64),
        ("starts", c_void_p),
        ("states", c_void_p),
        ("states_stride", c_int64),
        ("largest", c_void_p),
        ("largest_at", c_void_p),
        ("mean", c_void_p),
    )


class AdamStep(Structure):
    """`lstmkit_adam_step` of native/jobs.h: one step over a matrix whose gradient has some rows only."""

    _fields_ = (
        ("n_rows", c_int64),
        ("width", c_int64),
        ("place", c_void_p),
        ("grad", c_void_p),
        ("parameter", c_void_p),
        ("mean", c_void_p),
        ("square", c_void_p),
        ("live", c_void_p),
        ("step_size", c_double),
        ("root", c_double),
        ("beta1", c_double),
        ("beta2", c_double),
        ("epsilon", c_double),
        ("l2", c_double),
        ("decay", c_double),
    )


_SIGNATURES = {
    "lstmkit_interface": (c_int64, ()),
    "lstmkit_isas": (c_char_p, ()),
    "lstmkit_use_isa": (c_int32, (c_char_p,)),
    "lstmkit_isa": (c_char_p, ()),
    "lstmkit_borrow_threads": (None, (c_void_p,)),
    "lstmkit_packed_size": (c_int64, (c_int32, c_int64, c_int64)),
    "lstmkit_pack": (None, (c_int32, c_int64, c_void_p, c_int64, c_int64, c_int64, c_int64, c_void_p)),
    "lstmkit_work_stride": (c_int64, (c_int32, c_int64, c_int64)),
    "lstmkit_forward": (None, (c_int32, c_int64, c_int64, POINTER(Direction))),
    "lstmkit_backward": (None, (c_int32, c_int64, c_int64, POINTER(Direction))),
    "lstmkit_step": (None, (c_int32, POINTER(StepJob))),
    "lstmkit_multiply": (None, (c_int32, c_int64, POINTER(Product))),
    "lstmkit_outer_work": (c_int64, (c_int32, c_int64, c_int64, c_int64)),
    "lstmkit_sum_outer": (None, (c_int32, c_int64, POINTER(Outer))),
    "lstmkit_distinct": (c_int64, (c_void_p, c_int64, c_int64, c_void_p, c_void_p, c_void_p)),
    "lstmkit_sum_rows": (
        None,
        (c_int32, c_int64, c_void_p, c_int64, c_int64, c_void_p, c_int64, c_int64, c_void_p, c_void_p, c_void_p),
    ),
    "lstmkit_pool": (None, (c_int32, c_int64, POINTER(Pooling))),
    "lstmkit_unpool": (None, (c_int32, c_int64, POINTER(Pooling))),
    "lstmkit_adam": (None, (c_int32, c_int64, POINTER(AdamStep))),
    "lstmkit_activate": (None, (c_int32, c_int64, c_int64, c_void_p, c_void_p)),
}


@dataclass(frozen=True)
class Found:
    """What the search for the library gave.

    Attributes:
        library: its functions; None where there is none.
        reason: where it is and what it uses, or why there is none; one line for people.
    """

    library: ctypes.CDLL | None
    reason: str


@cache
def native_library() -> Found:
    """Load the library that was built with the package, once for the process.

    `LSTMKIT_ISA` (avx512, avx2, baseline, neon) forces one variant of its kernels; by default the best that the
    processor runs is used.
    """
    folder = Path(__file__).parent
    paths = [path for path in (folder / f"_native{suffix}" for suffix in (".so", ".dylib", ".dll")) if path.exists()]
    if not paths:
        note = folder / "_native.txt"  # written by setup.py
        why = note.read_text("utf-8").strip() if note.exists() else "it is not beside library.py; install lstmkit again"
        return Found(None, f"no compiled engine ({why})")
    try:
        library = ctypes.CDLL(str(paths[0]))
        library.lstmkit_interface.restype = c_int64
        found = library.lstmkit_interface()
    except (OSError, AttributeError) as error:
        return Found(None, f"the compiled engine cannot be loaded ({str(error).splitlines()[0]})")
    if found != _INTERFACE:
        why = f"of another version ({found}, not {_INTERFACE}); install lstmkit again"
        return Found(None, f"the compiled engine is {why}")
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    asked = os.environ.get("LSTMKIT_ISA", "")
    if asked and not library.lstmkit_use_isa(asked.encode()):
        there = library.lstmkit_isas().decode()
        return Found(None, f"LSTMKIT_ISA={asked} is not to be had on this processor; there are {there}")
    library.lstmkit_borrow_threads(_torch_threads())
    return Found(library, f"compiled, {library.lstmkit_isa().decode()}")


def _torch_threads() -> int | None:
    """The address of GOMP_parallel in the OpenMP runtime that torch has loaded; None where it has none of that kind."""
    if os.environ.get("LSTMKIT_THREADS") == "own" or not hasattr(os, "RTLD_NOLOAD"):
        return None
    for path in sorted((Path(torch.__file__).parent / "lib").glob("libgomp*")):
        try:
            runtime = ctypes.CDLL(str(path), mode=os.RTLD_NOLOAD | os.RTLD_NOW)
        except OSError:  # it lies there and torch does not use it
            continue
        return ctypes.cast(runtime.GOMP_parallel, c_void_p).value
    return None
