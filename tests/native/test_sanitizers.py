"""Address, undefined-behaviour and thread sanitizers over the C interface, on cases recorded from the reference."""

import os
import platform
import shutil
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import lstmkit.nn
from lstmkit.nn import reference
from lstmkit.ragged import Layout

pytestmark = pytest.mark.slow

SOURCES = Path(lstmkit.nn.__file__).parent / "native"
DRIVER = Path(__file__).with_name("driver.cpp")
SANITIZERS = ("address", "undefined", "thread")
# As the library is built, but for the level of optimisation.
FLAGS = ["-std=c++17", "-O1", "-g1", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-Wno-psabi"]
AVX2 = ["-mavx2", "-mfma"]
UNITS: dict[str, list[str]] = {"kernels_baseline": [], "interface": [], "pool": []}
if platform.machine() in ("x86_64", "AMD64"):
    UNITS["kernels_avx512"] = [
        "-mavx512f",
        "-mavx512dq",
        "-mavx512vl",
        "-mavx512bw",
        "-mprefer-vector-width=512",
        *AVX2,
    ]
    UNITS["kernels_avx2"] = AVX2
OPTIONS = {
    # The leak checker needs ptrace, which containers refuse; the library allocates nothing but its pool.
    # GCC 12 aligns the frames of use-after-return less than vectors of 64 bytes need.
    "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    # By default a child of a process with threads is not allowed threads of its own.
    "TSAN_OPTIONS": "die_after_fork=0:halt_on_error=1",
}
LAYER, PRODUCT, OUTER, SUM_ROWS, DISTINCT, ACTIVATE, STEP, POOL, ADAM = range(9)


def compiler() -> str:
    """The C++ compiler, or a skip with the reason."""
    found = shutil.which("g++")
    if found is None or not SOURCES.is_dir():
        pytest.skip("g++ is not here, or the library's sources are not; the sanitizers need both")
    return found


def start_of_command() -> list[str]:
    """Older thread sanitizers refuse addresses spread over 32 bits; setarch turns the spreading off, where it may."""
    setarch = shutil.which("setarch")
    if setarch and subprocess.run([setarch, "-R", "true"], capture_output=True, check=False).returncode == 0:
        return [setarch, "-R"]
    return []


def run(program: Path, *arguments: Path, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    """Run an instrumented program."""
    command = [*start_of_command(), str(program), *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=timeout_s, env={**os.environ, **OPTIONS}
    )


def build(sanitizer: str, folder: Path) -> Path:
    """Build the driver; skip with the reason where the sanitizer's runtime is not installed."""
    gxx, flag = compiler(), f"-fsanitize={sanitizer}"
    probe = folder / "probe.cpp"
    probe.write_text("int main() { return 0; }\n")
    linked = subprocess.run(
        [gxx, flag, str(probe), "-o", str(folder / "probe")], capture_output=True, text=True, check=False
    )
    if linked.returncode or run(folder / "probe").returncode:
        pytest.skip(f"g++ {flag} makes no program that runs here; its runtime may not be installed")
    common = [gxx, *FLAGS, flag, "-fno-sanitize-recover=all", f"-I{SOURCES}", "-Wall", "-Wextra", "-Werror"]
    commands = {name: [*common, *extra, "-c", str(SOURCES / f"{name}.cpp")] for name, extra in UNITS.items()}
    commands["driver"] = [*common, "-c", str(DRIVER)]

    def compiled(name: str) -> subprocess.CompletedProcess[str]:
        command = [*commands[name], "-o", str(folder / f"{name}.o")]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in pool.map(compiled, commands):
            assert done.returncode == 0, done.stderr
    objects = [str(folder / f"{name}.o") for name in commands]
    subprocess.run([gxx, flag, "-pthread", *objects, "-o", str(folder / "driver")], check=True)
    return folder / "driver"


class Recorder:
    """Makes random inputs, and writes cases in the driver's format."""

    def __init__(self, seed: int) -> None:
        self.random = torch.Generator().manual_seed(seed)
        self.cases: list[bytes] = []

    def normal(self, *shape: int, scale: float = 1.0) -> Tensor:
        """float64 numbers that float32 holds too, so that both types compute the same case."""
        return (torch.randn(*shape, generator=self.random) * scale).float().double()

    def numbers(self, low: int, high: int, n: int) -> Tensor:
        """Whole numbers, low..high-1."""
        return torch.randint(low, high, (n,), generator=self.random)

    def add(self, kind: int, double: bool, sizes: list[int], given: list[Tensor | None], expected: list[Tensor | None]):
        """A case; floats that are given take the case's type, what is expected stays float64."""
        parts = [struct.pack(f"<{3 + len(sizes) + 1}q", kind, double, len(sizes), *sizes, len(given) + len(expected))]
        for array, is_given in [*((a, True) for a in given), *((a, False) for a in expected)]:
            values: np.ndarray[Any, Any] = np.zeros(0) if array is None else array.detach().contiguous().numpy()
            if is_given and values.dtype == np.float64 and not double:
                values = values.astype(np.float32)
            code = {"float32": "f", "float64": "d", "int32": "i", "int64": "l"}[str(values.dtype)]
            parts += [struct.pack("<2q", ord(code), values.size), values.tobytes()]
        self.cases.append(b"".join(parts))

    def layer(
        self,
        double: bool,
        hidden: int,
        lengths: list[int],
        directions: int,
        state: bool,
        tokens: bool,
        states: bool = True,
    ) -> None:
        """One layer, forward and backward; `states`: whether the loss depends on the states, or on their ends alone."""
        layout = Layout(torch.tensor(sorted(lengths, reverse=True)))
        batch, n_rows, wide = layout.n_sequences, layout.n_rows, directions * 4 * hidden
        table = self.normal(max(1, n_rows // 3) if tokens else n_rows, wide)
        rows = None
        if tokens:  # each at least once
            again = torch.randint(len(table), (n_rows - len(table),), generator=self.random)
            rows = torch.cat([torch.arange(len(table)), again])
            rows = rows[torch.randperm(n_rows, generator=self.random)].int()
        weights = [self.normal(4 * hidden, hidden, scale=hidden**-0.5) for _ in range(directions)]
        ends = [self.normal(directions, batch, hidden) for _ in range(4)]
        begin = ends[:2] if state else [torch.zeros_like(end) for end in ends[:2]]
        grad_states = self.normal(n_rows, directions * hidden) if states else None

        by_row = (table if rows is None else table[rows.long()]).requires_grad_()
        for tensor in begin:
            tensor.requires_grad_()
        out, h_n, c_n = reference.recur(by_row, None, layout, weights, (begin[0], begin[1]))
        assert h_n is not None
        assert c_n is not None
        outputs, grads = ([out], [grad_states]) if grad_states is not None else ([], [])
        found = torch.autograd.grad([*outputs, h_n, c_n], [by_row, *begin], [*grads, *ends[2:]])
        before = [layout.rows_before(reverse=d == 1) for d in range(directions)]
        grad_weights = []
        for d in range(directions):
            own, has = found[0][:, d * 4 * hidden : (d + 1) * 4 * hidden], before[d] >= 0
            grad_weights.append(own[has].T @ out[before[d][has].long(), d * hidden : (d + 1) * hidden])
        by_token = None if rows is None else torch.zeros_like(table).index_add(0, rows.long(), found[0])
        given = [layout.offsets, rows, table, torch.cat(weights), *(begin if state else (None, None)), grad_states]
        self.add(
            LAYER,
            double,
            [hidden, directions, len(table) if tokens else 0, layout.n_steps, batch],
            [*given, *ends[2:], before[0], before[1] if directions == 2 else None],
            [out, c_n, *found, torch.cat(grad_weights), found[0].sum(0), by_token],
        )

    def product(self, double: bool, n: int, k: int, m: int, gap: int, bias: bool) -> None:
        """a @ b + bias with `gap` elements between rows."""
        a, b, c = self.normal(n, k), self.normal(k, m), self.normal(m) if bias else None
        spread = torch.cat([a, self.normal(n, gap)], 1).flatten()[: (n - 1) * (k + gap) + k]
        out = a @ b if c is None else a @ b + c
        self.add(PRODUCT, double, [n, k, m, k + gap, m + gap], [spread, b, c], [out])

    def outer(self, double: bool, n: int, m: int, p: int, choose: bool) -> None:
        """Sums of outer products, some rows left out."""
        a, b = self.normal(n, m), self.normal(n, p)
        rows = self.numbers(-1, n, n) if choose else torch.arange(n)
        has = rows >= 0
        out = a[has].T @ b[rows[has]]
        self.add(OUTER, double, [n, m, p, m, p], [a, b, rows.int() if choose else None], [out, a.sum(0)])

    def sum_rows(self, double: bool, n: int, width: int, n_out: int) -> None:
        """Rows added up by destination; each occurs."""
        source, rows = self.normal(n, width), torch.cat([torch.arange(n_out), self.numbers(0, n_out, n - n_out)])
        rows = rows[torch.randperm(n, generator=self.random)]
        out = torch.zeros(n_out, width, dtype=torch.float64).index_add(0, rows, source)
        self.add(SUM_ROWS, double, [n, width, width, n_out], [source, rows.int()], [out])

    def distinct(self, tokens: list[int], vocabulary: int) -> None:
        """Distinct tokens in order of first appearance."""
        good = all(0 <= token < vocabulary for token in tokens)
        found = list(dict.fromkeys(tokens))
        rows = torch.tensor([found.index(token) for token in tokens], dtype=torch.int32)
        expected = [torch.tensor(found), rows] if good else [None, None]
        self.add(DISTINCT, False, [vocabulary, len(found) if good else -1], [torch.tensor(tokens)], expected)

    def activate(self, double: bool, n: int) -> None:
        """sigmoid and tanh."""
        x = self.normal(n, scale=5.0)
        for op, function in enumerate((torch.sigmoid, torch.tanh)):
            self.add(ACTIVATE, double, [op], [x], [function(x)])

    def step(self, double: bool, n: int, features: int, hidden: int, gap: int, state: bool) -> None:
        """One step of one direction; without a state there are no biases either."""
        weight_ih, weight_hh = (self.normal(4 * hidden, width, scale=hidden**-0.5) for width in (features, hidden))
        inputs = self.normal(n, features)
        biases = [self.normal(4 * hidden) if state else None for _ in range(2)]
        h, c = (self.normal(n, hidden) if state else None for _ in range(2))
        begin = [torch.zeros(n, hidden, dtype=torch.float64) if tensor is None else tensor for tensor in (h, c)]
        gates = inputs @ weight_ih.T + begin[0] @ weight_hh.T + sum(bias for bias in biases if bias is not None)
        i, f, g, o = gates.chunk(4, 1)
        c_next = f.sigmoid() * begin[1] + i.sigmoid() * g.tanh()
        given = [weight_ih, weight_hh, *biases, inputs, h, c]
        self.add(STEP, double, [n, features, hidden, hidden + gap], given, [o.sigmoid() * c_next.tanh(), c_next])

    def pool(self, double: bool, lengths: list[int], width: int, gap: int) -> None:
        """Largest values and means, together and each alone, and back."""
        layout = Layout(torch.tensor(sorted(lengths, reverse=True)))
        wide = self.normal(layout.n_rows, width + gap)
        states = wide[:, :width].clone().requires_grad_()
        grads = [self.normal(len(lengths), width) for _ in range(2)]
        padded = layout.to_padded(states, fill=float("-inf")).max(0)
        rows = (layout.starts[padded.indices] + torch.arange(len(lengths))[:, None]).int()
        mean = layout.to_padded(states).sum(0) / layout.lengths[:, None]
        back = [
            torch.autograd.grad(out, states, grad, retain_graph=True)[0]
            for out, grad in zip((padded.values, mean), grads, strict=True)
        ]
        flat = wide.flatten()[: (layout.n_rows - 1) * (width + gap) + width]
        sizes = [layout.n_steps, len(lengths), width, width + gap]
        expected: list[Tensor | None] = [padded.values, rows, mean, *back, back[0] + back[1]]
        self.add(POOL, double, sizes, [layout.offsets, flat, *grads], expected)

    def adam(self, double: bool, n_rows: int, width: int, n_given: int, l2: float, decay: float) -> None:
        """One step over a matrix of which some rows have a gradient, some moments, some neither."""
        lr, root, beta1, beta2, epsilon = 0.01, 0.25, 0.875, 0.9375, 1e-8
        given = torch.randperm(n_rows, generator=self.random)[:n_given]
        place = torch.full((n_rows,), -1, dtype=torch.int32)
        place[given] = torch.arange(n_given, dtype=torch.int32)
        live = self.numbers(0, 2, n_rows).int()
        grad, parameter = self.normal(n_given, width), self.normal(n_rows, width)
        mean, square = self.normal(n_rows, width) * live[:, None], self.normal(n_rows, width).square() * live[:, None]
        mean, square = mean.float().double(), square.float().double()
        whole = torch.zeros_like(parameter)
        whole[given] = grad
        shrunk = parameter * decay
        whole = whole + l2 * shrunk
        m, v = mean + (whole - mean) * (1 - beta1), square * beta2 + whole.square() * (1 - beta2)
        moved = shrunk - lr * m / (v.sqrt() / root + epsilon)
        alive = live.clone()
        alive[given] = 1
        numbers = torch.tensor([lr, root, beta1, beta2, epsilon, l2, decay], dtype=torch.float64).view(torch.int64)
        arrays = [numbers, place, grad, parameter, mean, square, live]
        self.add(ADAM, double, [n_rows, width], arrays, [moved, m, v, alive])


def recorded(long: bool) -> Recorder:
    """All cases; without `long` the largest are left out, for thread sanitizer's sake."""
    cases = Recorder(seed=3)
    ragged = [60, 31, 31, 12, 5, 2, 1, 1]
    for double in (False, True):
        for hidden in (1, 3, 37, 100, 130):
            lengths = ragged if long or hidden < 100 else [9, 4, 4, 1]
            cases.layer(double, hidden, lengths, directions=1, state=True, tokens=True)
            cases.layer(double, hidden, lengths[3:], directions=2, state=hidden != 37, tokens=hidden != 3)
            cases.layer(double, hidden, [4], directions=1, state=False, tokens=False)
        cases.layer(double, 37, ragged, directions=2, state=True, tokens=False)
        cases.layer(double, 16, [1], directions=2, state=True, tokens=False, states=False)
        cases.layer(double, 16, [3] * 17, directions=2, state=False, tokens=True)
        for n, k, m in ((1, 1, 1), (7, 3, 5), (49, 37, 17), (97, 300, 33), (200, 5, 130)):
            cases.product(double, n, k, m, gap=n % 3, bias=n % 2 == 1)
        for n, m, p in ((1, 1, 1), (5, 4, 3), (130, 37, 17), (300, 148, 37)):
            cases.outer(double, n, m, p, choose=n != 130)
        for n, width, n_out in ((1, 1, 1), (9, 3, 9), (300, 37, 41)):
            cases.sum_rows(double, n, width, n_out)
        for n, features, hidden in ((1, 1, 1), (1, 5, 37), (8, 3, 16), (9, 48, 100), (2, 0, 4)):
            cases.step(double, n, features, hidden, gap=n % 2 * hidden, state=n != 8)
        for lengths, width in (([1], 1), ([9, 4, 4, 1], 3), ([3] * 17, 16), (ragged, 37)):
            cases.pool(double, lengths, width, gap=width % 2)
        for n_rows, width, n_given in ((1, 1, 1), (10, 3, 4), (600, 37, 50), (900, 64, 1)):
            cases.adam(
                double, n_rows, width, n_given, l2=0.5 if n_rows == 10 else 0.0, decay=0.75 if n_rows == 600 else 1.0
            )
        for n in (0, 1, 7, 33):
            cases.activate(double, n)
    for tokens in ([5], [3, 3, 9, 0, 3, 9, 1], [0, 1, 2, 10], [4, -1], list(range(10)) * 3):
        cases.distinct(tokens, 10)
    assert len(cases.cases) == 2 * (5 * 3 + 3 + 5 + 4 + 3 + 3 * 4 + 4 * 2 + 1) + 5
    return cases


@pytest.fixture(scope="module", params=SANITIZERS)
def driver(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The sanitizer, and the driver built with it."""
    return request.param, build(request.param, tmp_path_factory.mktemp(request.param))


def test_every_case_is_right_and_clean(driver: tuple[str, Path], tmp_path: Path) -> None:
    sanitizer, program = driver
    cases = recorded(long=sanitizer != "thread")
    (tmp_path / "cases").write_bytes(b"".join(cases.cases))
    ended = run(program, tmp_path / "cases")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.startswith(f"{len(cases.cases)} cases, ")
    assert ended.stderr == ""


def test_the_driver_sees_one_number_that_is_wrong(driver: tuple[str, Path], tmp_path: Path) -> None:
    cases = Recorder(seed=1)
    cases.layer(True, 3, [4, 2], directions=2, state=True, tokens=True)
    cases.step(True, 2, 3, 4, gap=0, state=True)
    cases.pool(True, [4, 2], 3, gap=0)
    whole = [bytearray(case) for case in cases.cases]
    for case in whole:  # the last number of what is expected last
        case[-8:] = struct.pack("<d", struct.unpack("<d", case[-8:])[0] + 1e-6)
    cases.cases.clear()
    cases.adam(True, 5, 3, 2, l2=0.0, decay=1.0)
    marks = bytearray(cases.cases[0])
    marks[-4:] = struct.pack("<i", 1 - struct.unpack("<i", marks[-4:])[0])
    (tmp_path / "cases").write_bytes(b"".join([*whole, marks]))
    ended = run(driver[1], tmp_path / "cases")
    assert ended.returncode == 1
    for what in ("gradient of the table", "c of a step", "gradient of what is pooled", "live rows"):
        assert what in ended.stderr


def test_altered_weights_within_python(tmp_path: Path) -> None:
    """The package with an instrumented library: what Python lets through reads and writes where it may."""
    gxx, flag = compiler(), "-fsanitize=address"
    runtime = subprocess.run(
        [gxx, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if not Path(runtime).is_absolute() or run(Path(sys.executable), Path("-c"), Path("0")).returncode:
        pytest.skip(f"g++ {flag} has no shared runtime here")
    package = Path(lstmkit.nn.__file__).parents[1]
    shutil.copytree(package, tmp_path / "lstmkit", ignore=shutil.ignore_patterns("_native.*", "__pycache__"))
    library = tmp_path / "lstmkit" / "nn" / "_native.so"
    common, objects = [gxx, *FLAGS, flag, "-fPIC", f"-I{SOURCES}"], [str(tmp_path / f"{name}.o") for name in UNITS]
    commands = [
        [*common, *extra, "-c", str(SOURCES / f"{name}.cpp"), "-o", out]
        for (name, extra), out in zip(UNITS.items(), objects, strict=True)
    ]
    for command in (*commands, [gxx, flag, "-shared", "-pthread", *objects, "-o", str(library)]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    environment = {
        **os.environ,
        **OPTIONS,
        "PYTHONPATH": str(tmp_path),
        "LD_PRELOAD": runtime,
        "LSTMKIT_THREADS": "own",
    }
    environment["ASAN_OPTIONS"] += ":detect_odr_violation=0"
    ended = subprocess.run(
        [*start_of_command(), sys.executable, str(Path(__file__).with_name("altered_weights.py"))],
        capture_output=True, text=True, check=False, timeout=300, env=environment,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "AddressSanitizer" not in ended.stderr
    names = [line.removesuffix(" ok") for line in ended.stdout.splitlines()]
    assert names == [
        "sizes", "overflow", "grown", "hidden_size", "short", "dtype", "bias", "cut_in_place", "turned", "recurrence",
    ]  # fmt: skip
