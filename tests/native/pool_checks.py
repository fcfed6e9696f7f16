"""Checks of the library's threads, run by test_pool.py in a process of its own: a hang must not take pytest with it.

    python pool_checks.py

Prints a line `NAME ok`, or `NAME` and what went wrong, for each check. LSTMKIT_THREADS decides whose threads are used.
"""

import ctypes
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from lstmkit.nn import native
from lstmkit.nn.library import _torch_threads
from lstmkit.ragged import Layout

torch.manual_seed(0)
LENGTHS = [57, 40, 40, 31, 18, 9, 9, 4, 2, 1, 1]


@cache
def given(double: bool, directions: int) -> tuple[Layout, Tensor, Tensor, list[Tensor], list[Tensor]]:
    """A layout, a table, its rows, weights and a state."""
    dtype = torch.float64 if double else torch.float32
    layout, hidden = Layout(torch.tensor(LENGTHS)), 37
    table = torch.randn(50, directions * 4 * hidden, dtype=dtype)
    rows = torch.cat([torch.arange(50), torch.randint(50, (layout.n_rows - 50,))]).int()
    weights = [torch.randn(4 * hidden, hidden, dtype=dtype) / 6 for _ in range(directions)]
    return layout, table, rows, weights, [torch.randn(directions, len(LENGTHS), hidden, dtype=dtype) for _ in range(2)]


@cache
def large(n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Matrices a and b, and rows of b that are wanted."""
    return torch.randn(n, 130), torch.randn(n, 65), torch.randint(-1, n, (n,), dtype=torch.int32)


def everything(n_threads: int) -> list[Tensor]:
    """What the library computes of the same inputs, asking for that many threads."""
    torch.set_num_threads(n_threads)
    found: list[Tensor] = []
    for double in (False, True):
        for directions in (1, 2):
            layout, table, rows, weights, state = given(double, directions)
            leaves = [tensor.clone().requires_grad_() for tensor in (table, *weights)]
            outputs = native.recur(leaves[0], rows, layout, leaves[1:])
            found += [outputs[0], *torch.autograd.grad(outputs[0], leaves, outputs[0].detach())]
            with torch.no_grad():
                outputs = native.recur(table, rows, layout, weights, (state[0], state[1]))
            found += [tensor for tensor in outputs if tensor is not None]
    a, b, chosen = large(600)
    out, columns = native.sum_outer(a, b, chosen, sums=True)
    assert columns is not None
    by_row = native.sum_rows(a, torch.arange(len(a), dtype=torch.int32) % 41, 41)
    # Both weights large enough that several threads pack them, one of them turned.
    products = [
        native.multiply(a, native.packed(a[:130], transposed=False), torch.empty(len(a), 130)),
        native.multiply(a, native.packed(a, transposed=True), torch.empty(len(a), len(a))),
    ]
    return [tensor.detach() for tensor in (*found, out, columns, by_row, *products)]


def with_state_gradients(n_threads: int) -> list[Tensor]:
    """States and all gradients where the sequences begin with a state."""
    torch.set_num_threads(n_threads)
    found: list[Tensor] = []
    for double in (False, True):
        layout, table, rows, weights, state = given(double, 2)
        leaves = [tensor.clone().requires_grad_() for tensor in (table, *weights, *state)]
        outputs = native.recur(leaves[0], rows, layout, leaves[1:-2], (leaves[-2], leaves[-1]))
        found += [outputs[0].detach(), *torch.autograd.grad(outputs[0], leaves, outputs[0].detach())]
    return found


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    """Whether all bits are equal; not asked of torch, whose parallel loops hang in a forked child (libgomp)."""
    return [a.numpy().tobytes() for a in one] == [b.numpy().tobytes() for b in other]


@cache
def alone() -> list[Tensor]:
    """The results on one thread."""
    return everything(1)


def results_do_not_depend_on_the_number_of_threads() -> None:
    for n_threads in (1, 2, 3, 4, 5, 2, 1):
        assert same(everything(n_threads), alone()), n_threads


def gradients_with_a_state_depend_on_neither_threads_nor_a_fork() -> None:
    expected = with_state_gradients(1)

    def body() -> None:
        for n_threads in (2, 3, 4, 5, 1):
            assert same(with_state_gradients(n_threads), expected), n_threads

    body()
    assert in_child(body) == 0


def in_threads(n: int, body: Callable[[], None]) -> None:
    """Run the body in several Python threads at once; the first error is raised here."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            body()
        except BaseException as error:  # noqa: BLE001  (raised again below)
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def several_python_threads_at_once_get_the_same() -> None:
    expected = alone()

    def body() -> None:
        for n_threads in (3, 2, 4):
            assert same(everything(n_threads), expected)

    in_threads(4, body)


def in_child(body: Callable[[], None]) -> int:
    """Run the body in a forked child; its status. A child that hangs is ended by its alarm."""
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            body()
        except BaseException:  # noqa: BLE001  (printed, and told by the status)
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def a_forked_child_computes_the_same() -> None:
    expected = alone()
    assert same(everything(4), expected)

    def body() -> None:
        for n_threads in (1, 3):
            assert same(everything(n_threads), expected)
        # A child of the child, and several threads of the child.
        assert in_child(lambda: None if same(everything(2), expected) else os._exit(3)) == 0
        in_threads(2, lambda: None if same(everything(2), expected) else os._exit(4))

    for _ in range(3):
        assert in_child(body) == 0
        assert same(everything(4), expected)


def forks_while_other_threads_compute() -> None:
    a, b, chosen = large(600)
    torch.set_num_threads(2)
    expected = native.sum_outer(a, b, chosen)[0]
    ended = threading.Event()

    def compute() -> None:
        while not ended.is_set():
            native.sum_outer(a, b, chosen)

    def body() -> None:
        assert same([native.sum_outer(a, b, chosen)[0]], [expected])

    threads = [threading.Thread(target=compute) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            assert in_child(body) == 0
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def other_python_threads_run_during_a_long_call() -> None:
    torch.set_num_threads(1)
    a = torch.randn(1500, 1500, dtype=torch.float64)
    weight = native.packed(a, transposed=False)
    out = torch.empty_like(a)
    times_s: list[float] = []
    ended = threading.Event()

    def count() -> None:
        while not ended.wait(0.001):
            times_s.append(time.perf_counter())

    thread = threading.Thread(target=count)
    thread.start()
    try:
        for _ in range(5):
            started_s = time.perf_counter()
            native.multiply(a, weight, out)
            ended_s = time.perf_counter()
            # The interpreter hands over at the ends of the call in any case.
            inner = [at for at in times_s if started_s + 0.005 < at < ended_s - 0.005]
            if len(inner) >= 5:
                return
    finally:
        ended.set()
        thread.join()
    raise AssertionError(f"in {ended_s - started_s:.3f} s of one call another thread ran {len(inner)} times")


def a_call_from_within_the_runtime_s_parallel_region_ends() -> None:
    """A host may call from threads of its own, while a call of the library's runs on them."""
    a, b, chosen = large(600)
    library = native.library()
    torch.set_num_threads(2)
    expected = native.sum_outer(a, b, chosen)[0]
    inner: list[Tensor] = []
    n_deep = 0

    @ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
    def parallel(body: int, data: int, n_threads: int, _flags: int) -> None:
        nonlocal n_deep
        n_deep += 1
        if n_deep == 1:
            inner.append(native.sum_outer(a, b, chosen)[0])
        task = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(body)
        helpers = [threading.Thread(target=task, args=(data,)) for _ in range(n_threads - 1)]
        for helper in helpers:
            helper.start()
        task(data)
        for helper in helpers:
            helper.join()

    library.lstmkit_borrow_threads(ctypes.cast(parallel, ctypes.c_void_p))
    try:
        outer = native.sum_outer(a, b, chosen)[0]
    finally:
        library.lstmkit_borrow_threads(_torch_threads())
    assert n_deep == 2
    assert torch.equal(outer, expected)
    assert torch.equal(inner[0], expected)


def the_threads_are_the_ones_asked_for() -> None:
    """More threads than before: the pool's own; as many as before: those of torch, which it has started by itself."""
    torch.set_num_threads(3)
    big = torch.randn(400, 400)
    torch.mm(big, big)
    torch.randn(1_000_000).exp_()
    before = len(list(Path("/proc/self/task").iterdir()))
    everything(3)
    after = len(list(Path("/proc/self/task").iterdir()))
    if os.environ.get("LSTMKIT_THREADS") == "own":
        assert after >= before + 2, (before, after)
    else:
        assert after == before, (before, after)


CHECKS = [
    *([the_threads_are_the_ones_asked_for] if Path("/proc/self/task").is_dir() else []),
    results_do_not_depend_on_the_number_of_threads,
    several_python_threads_at_once_get_the_same,
    a_forked_child_computes_the_same,
    forks_while_other_threads_compute,
    other_python_threads_run_during_a_long_call,
    a_call_from_within_the_runtime_s_parallel_region_ends,
    gradients_with_a_state_depend_on_neither_threads_nor_a_fork,
]

if __name__ == "__main__":
    for check in CHECKS:
        started_s = time.perf_counter()
        try:
            check()
        except Exception:  # noqa: BLE001  (the line says so, and the checks behind still run)
            print(check.__name__, traceback.format_exc().replace("\n", " | "), flush=True)
        else:
            print(check.__name__, "ok", f"{time.perf_counter() - started_s:.2f} s", flush=True)
