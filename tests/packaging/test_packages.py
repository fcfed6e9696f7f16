"""The packages as a user gets them: sdist and wheel are built from a copy, installed elsewhere, and used from there."""

import json
import math
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

from lstmkit.nn import library

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NATIVE = sorted(path for path in (ROOT / "src/lstmkit/nn/native").iterdir() if path.suffix in (".cpp", ".h", ".inl"))
LIBRARIES = {f"lstmkit/nn/_native{suffix}" for suffix in (".so", ".dylib", ".dll")}
NOTE = "lstmkit/nn/_native.txt"
COMPILER = (
    shlex.split(os.environ.get("CXX", "")) or [name for name in ("c++", "g++", "clang++") if shutil.which(name)][:1]
)
FALSE = shutil.which("false") or "/bin/false"
# What a build is told by its surroundings.
TELLING = ("CXX", "CXXFLAGS", "ARCHFLAGS", "LSTMKIT_NATIVE", "LSTMKIT_ISA", "PYTHONPATH")

needs_compiler = pytest.mark.skipif(not COMPILER or sys.platform == "win32", reason="no C++ compiler to build with")
needs_binutils = pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which("nm") or not shutil.which("readelf"),
    reason="reads ELF by nm and readelf",
)

PROBE = """
import ctypes, json
from lstmkit.nn import library
found = library.native_library()
answers = {"path": library.__file__, "reason": found.reason, "tanh": None}
if found.library:
    x, y = (ctypes.c_double * 3)(-0.5, 0.0, 2.0), (ctypes.c_double * 3)()
    found.library.lstmkit_activate(1, 1, 3, x, y)
    answers["tanh"] = list(y)
print(json.dumps(answers))
"""


def run(
    *command: str | Path, cwd: Path, environment: dict[str, str] | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a command with this environment, but for what tells builds how to build."""
    inherited = {name: value for name, value in os.environ.items() if name not in TELLING}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**inherited, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def backend(call: str, cwd: Path, environment: dict[str, str] | None = None) -> None:
    run(sys.executable, "-c", f"import setuptools.build_meta as b; b.{call}", cwd=cwd, environment=environment)


def pip_wheel(
    sdist: Path, out: Path, environment: dict[str, str], check: bool = True
) -> subprocess.CompletedProcess[str]:
    options = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", out)
    pip = (sys.executable, "-m", "pip", "wheel", *options, sdist)
    return run(*pip, cwd=out.parent, environment=environment, check=check)


def probe(python: Path | str, cwd: Path, environment: dict[str, str] | None = None) -> dict:
    nothing_around = {"PATH": "", **(environment or {})}
    return json.loads(run(python, "-c", PROBE, cwd=cwd, environment=nothing_around).stdout)


def pure(out: Path) -> Path:
    """The wheel that was built there, which holds no library and serves every platform."""
    (path,) = out.iterdir()
    assert path.name.endswith("-py3-none-any.whl")
    assert not LIBRARIES.intersection(ZipFile(path).namelist())
    return path


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made from a copy, so that the checkout stays as it is; the packages below are built from it."""
    folder = tmp_path_factory.mktemp("sdist")
    tree = folder / "tree"
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info", "_native.*")
    shutil.copytree(ROOT / "src", tree / "src", ignore=unwanted)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    backend(f"build_sdist({str(folder)!r})", tree)
    (path,) = folder.glob("*.tar.gz")
    return path


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel") / "out"
    pip_wheel(sdist, out, {"LSTMKIT_NATIVE": "require"})
    (path,) = out.iterdir()
    return path


@pytest.fixture(scope="module")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment with the wheel and what it depends on, and without the checkout."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    # No .pth file in there is read, so the checkout, which is installed by one, stays out.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"), "utf-8")
    options = ("--quiet", "--no-index", "--no-deps", wheel)
    run(sys.executable, "-m", "pip", "--python", folder / "bin/python", "install", *options, cwd=folder)
    return folder / "bin"


def test_the_sdist_holds_the_sources_of_the_library(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {path.relative_to(ROOT).as_posix() for path in NATIVE}
    assert len(wanted) >= 10
    assert wanted | {"setup.py"} <= names


@needs_compiler
def test_the_wheel_holds_the_library_and_serves_every_python(wheel: Path) -> None:
    python, abi, platform = wheel.stem.split("-")[2:]
    assert (python, abi) == ("py3", "none")
    assert platform != "any"  # and it is this one: pip installs it below
    names = set(ZipFile(wheel).namelist())
    assert len(LIBRARIES & names) == 1
    assert NOTE not in names
    modules = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == modules
    assert {name for name in names if "/native/" in name} == set()


@needs_compiler
def test_the_wheel_computes_where_no_compiler_is(fresh: Path, tmp_path: Path) -> None:
    answers = probe(fresh / "python", tmp_path)
    assert Path(answers["path"]).is_relative_to(fresh.parent)
    assert answers["reason"].startswith("compiled, ")
    assert answers["tanh"] == pytest.approx([math.tanh(-0.5), 0.0, math.tanh(2.0)], rel=1e-14)


@needs_compiler
def test_the_command_that_tests_wheels_passes_with_the_library_alone(fresh: Path, tmp_path: Path) -> None:
    command = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["cibuildwheel"]["test-command"]
    assert run("/bin/sh", "-c", command, cwd=tmp_path, environment={"PATH": str(fresh)}).stdout.startswith("compiled, ")
    (built,) = fresh.parent.glob("lib/python*/site-packages/lstmkit/nn/_native.*")
    hidden = built.rename(built.with_suffix(".hidden"))
    try:
        done = run("/bin/sh", "-c", command, cwd=tmp_path, environment={"PATH": str(fresh)}, check=False)
        assert done.returncode == 1
        assert "no compiled engine" in done.stdout
    finally:
        hidden.rename(built)


@needs_compiler
@needs_binutils
def test_the_library_shows_its_interface_alone(wheel: Path, tmp_path: Path) -> None:
    (name,) = LIBRARIES.intersection(ZipFile(wheel).namelist())
    path = ZipFile(wheel).extract(name, tmp_path)
    symbols = run("nm", "--dynamic", "--defined-only", "--format=posix", path, cwd=tmp_path).stdout.splitlines()
    assert {line.split()[0] for line in symbols} == set(library._SIGNATURES)


@needs_compiler
@needs_binutils
def test_the_library_needs_no_runtime_of_a_compiler(wheel: Path, tmp_path: Path) -> None:
    for runtime in ("libstdc++.a", "libgcc_eh.a"):
        if run(*COMPILER, f"-print-file-name={runtime}", cwd=tmp_path).stdout.strip() == runtime:
            pytest.skip(f"this system has no {runtime} to link in")
    (name,) = LIBRARIES.intersection(ZipFile(wheel).namelist())
    needed = run("readelf", "--dynamic", ZipFile(wheel).extract(name, tmp_path), cwd=tmp_path).stdout
    assert "NEEDED" in needed
    assert "libstdc++" not in needed
    assert "libgcc" not in needed


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"CXX": FALSE}, f"{FALSE} failed: status 1"),
        ({"CXX": "/nonexistent/c++"}, "/nonexistent/c++ cannot be run: No such file or directory"),
        ({"PATH": ""}, "no C++17 compiler (c++, g++, clang++; CXX names another)"),
        ({"LSTMKIT_NATIVE": "0"}, "left out at install by LSTMKIT_NATIVE=0"),
    ],
    ids=["failing", "absent", "none", "unwanted"],
)
def test_without_the_library_the_wheel_says_why(
    sdist: Path, tmp_path: Path, environment: dict[str, str], reason: str
) -> None:
    pip_wheel(sdist, tmp_path / "out", environment)
    there = tmp_path / "there"
    shutil.unpack_archive(pure(tmp_path / "out"), there, "zip")
    answers = probe(sys.executable, tmp_path, {"PYTHONPATH": str(there)})
    assert Path(answers["path"]).is_relative_to(tmp_path)
    assert answers["reason"] == f"no compiled engine ({reason})"


@needs_compiler
def test_the_reason_is_the_compiler_s_own(sdist: Path, tmp_path: Path) -> None:
    pip_wheel(sdist, tmp_path / "out", {"CXX": shlex.join(COMPILER), "CXXFLAGS": "--no-such-flag"})
    reason = ZipFile(pure(tmp_path / "out")).read(NOTE).decode()
    assert reason.startswith(f"{COMPILER[0]} failed: ")
    assert "error" in reason
    assert "no-such-flag" in reason
    assert reason.count("\n") == 1


def test_a_library_that_was_required_is_built_or_an_error(sdist: Path, tmp_path: Path) -> None:
    done = pip_wheel(sdist, tmp_path / "out", {"CXX": FALSE, "LSTMKIT_NATIVE": "require"}, check=False)
    assert done.returncode == 1
    words = f"error: LSTMKIT_NATIVE=require, and the native engine is not built: {FALSE} failed: status 1"
    assert words in done.stdout + done.stderr
    done = pip_wheel(sdist, tmp_path / "out", {"LSTMKIT_NATIVE": "no"}, check=False)
    assert done.returncode == 1
    assert "error: LSTMKIT_NATIVE=no; it can be 0" in done.stdout + done.stderr


@needs_compiler
def test_an_editable_install_never_keeps_an_older_library(sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (tree,) = tmp_path.iterdir()
    out = tmp_path / "out"
    out.mkdir()
    backend(f"build_editable({str(out)!r})", tree, {"CXXFLAGS": "-O0", "LSTMKIT_NATIVE": "require"})
    (built,) = tree.glob("src/lstmkit/nn/_native.*")
    assert built.relative_to(tree / "src").as_posix() in LIBRARIES
    backend(f"build_editable({str(out)!r})", tree, {"CXX": FALSE})
    (note,) = tree.glob("src/lstmkit/nn/_native.*")
    assert note.relative_to(tree / "src").as_posix() == NOTE
