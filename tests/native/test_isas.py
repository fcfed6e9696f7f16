"""`LSTMKIT_ISA` forces each variant of the kernels that the processor runs; nothing stands in for an unknown one."""

import os
import subprocess
import sys
from ctypes import CFUNCTYPE, c_uint, c_void_p

import pytest
import torch
from native_kernels import FOUND, ISAS, needs_library

from lstmkit.nn import library, native
from lstmkit.ragged import Layout

pytestmark = needs_library
REPORT = """
import torch
from lstmkit.nn import LSTM, choose_engine
choice = choose_engine("auto")
print(choice.name, "|", choice.reason)
lstm = LSTM(3, 5)
print(lstm.last_engine or "none", torch.func.vmap(lambda x: lstm(x)[0])(torch.zeros(2, 4, 1, 3)).shape[0])
"""


def told(isa: str) -> list[str]:
    """What a program with that variable prints."""
    done = subprocess.run(
        [sys.executable, "-c", REPORT],
        env={**os.environ, "LSTMKIT_ISA": isa},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("isa", ISAS)
def test_each_variant_of_this_processor_can_be_forced(isa: str) -> None:
    assert told(isa) == [f"native | compiled, {isa}", "none 2"]


def test_an_unknown_name_leaves_the_library_out_and_says_so() -> None:
    reason = f"LSTMKIT_ISA=abacus is not to be had on this processor; there are {' '.join(ISAS)}"
    assert told("abacus") == [f"torch | {reason}", "none 2"]


@pytest.mark.parametrize("n_threads", [40, 300])
def test_more_than_sixteen_threads_have_work_and_change_no_bit(n_threads: int) -> None:
    assert FOUND.library is not None
    asked: list[int] = []

    @CFUNCTYPE(None, CFUNCTYPE(None, c_void_p), c_void_p, c_uint, c_uint)
    def parallel(body, data, threads, flags):  # type: ignore[no-untyped-def]
        asked.append(threads)
        body(data)

    layout = Layout(torch.full((700,), 2))
    inputs = torch.randn(layout.n_rows, 3)
    weights = [(torch.randn(20, 3), torch.randn(20, 5), torch.randn(20), torch.randn(20)) for _ in range(2)]
    wanted = native.layer(inputs, None, layout, weights)[0]
    before = torch.get_num_threads()
    borrowed = library._torch_threads()
    try:
        torch.set_num_threads(n_threads)
        FOUND.library.lstmkit_borrow_threads(parallel)
        found = native.layer(inputs, None, layout, weights)[0]
    finally:
        FOUND.library.lstmkit_borrow_threads(borrowed)
        torch.set_num_threads(before)
    assert max(asked) >= min(n_threads, 200)  # as many chunks as have equal shares
    assert torch.equal(found, wanted)
