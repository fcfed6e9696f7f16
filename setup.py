"""Builds the native engine where a C++17 compiler is: one shared library for every Python and every torch.

`CXX` names the compiler and `CXXFLAGS` adds to its flags. Without a compiler, or with one that fails, lstmkit is
installed without the library, and `lstmkit/nn/_native.txt` says why. `LSTMKIT_NATIVE=0` leaves the library out;
`LSTMKIT_NATIVE=require` makes a failure an error.
"""

import os
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

NATIVE = Path("src/lstmkit/nn/native")
SUFFIX = {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")  # nn/library.py knows these
COMMON = "-O3 -std=c++17 -fPIC -fvisibility=hidden -pthread -Wall -Wextra -Wno-psabi"
ARITHMETIC = "-ffp-contract=fast -fno-math-errno -fno-trapping-math"
AVX2 = "-mavx2 -mfma"
AVX512 = f"{AVX2} -mavx512f -mavx512dq -mavx512vl -mavx512bw -mprefer-vector-width=512"
UNITS = {
    "kernels_avx512.cpp": f"-fno-exceptions {AVX512}",
    "kernels_avx2.cpp": f"-fno-exceptions {AVX2}",
    "kernels_baseline.cpp": "-fno-exceptions",
    "interface.cpp": "-fno-exceptions",
    "pool.cpp": "",  # catches what std::thread throws
}
X86_UNITS = ("kernels_avx512.cpp", "kernels_avx2.cpp")


class BuildError(Exception):
    """Why there is no library; one line for people."""


def run(*command: str) -> str:
    """Run one command of the build and return what it printed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise BuildError(f"{command[0]} cannot be run: {error.strerror}") from None
    sys.stderr.write(done.stderr)
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        why = next((line for line in lines if "error" in line), lines[-1] if lines else f"status {done.returncode}")
        raise BuildError(f"{command[0]} failed: {why}")
    return done.stdout


def compiler() -> list[str]:
    """The compiler's command with the flags of the environment."""
    command = shlex.split(os.environ.get("CXX", ""))
    if not command:
        names = ("c++", "g++", "clang++")
        command = [name for name in names if shutil.which(name)][:1]
        if not command:
            raise BuildError(f"no C++17 compiler ({', '.join(names)}; CXX names another)")
    # Says for which processor a build on a Mac is; what builds wheels there sets it.
    target = shlex.split(os.environ.get("ARCHFLAGS", "")) if sys.platform == "darwin" else []
    return [*command, *target, *COMMON.split(), *ARITHMETIC.split(), *shlex.split(os.environ.get("CXXFLAGS", ""))]


def build(library: Path, wanted: bool) -> None:
    """Compile the units, as many at once as there are processors, and link them.

    Raises:
        BuildError: the library is not wanted, there is no compiler, or it fails.
    """
    if not wanted:
        raise BuildError("left out at install by LSTMKIT_NATIVE=0")
    if sys.platform == "win32":
        raise BuildError("Windows has none yet: its C++ uses the vector extensions of GCC and Clang")
    command = compiler()
    is_x86 = "__x86_64__" in run(*command, "-dM", "-E", "-x", "c++", os.devnull)
    units = [unit for unit in UNITS if is_x86 or unit not in X86_UNITS]
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        objects = [str(folder / f"{unit}.o") for unit in units]
        jobs = [
            (*command, *UNITS[unit].split(), "-c", str(NATIVE / unit), "-o", out)
            for unit, out in zip(units, objects, strict=True)
        ]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda job: run(*job), jobs))
        made = folder / library.name
        link = (*command, "-shared", *objects, "-o", str(made))
        if sys.platform == "darwin":
            run(*link, "-Wl,-exported_symbol,_lstmkit_*")
        else:
            # Visibility flags do not reach the static C++ runtime and what its headers instantiate.
            exports = folder / "exports.map"
            exports.write_text("{ global: lstmkit_*; local: *; };\n")
            link += (f"-Wl,--version-script={exports}", "-Wl,--gc-sections")
            try:
                run(*link, "-static-libstdc++", "-static-libgcc")
            except BuildError:  # some systems have the shared runtime alone
                run(*link)
        shutil.copy(made, library)


class BuildNative(build_ext):
    """Builds the library, or notes why it did not."""

    def get_ext_filename(self, fullname: str) -> str:
        """No Python's own suffix: ctypes loads it."""
        return str(Path(*fullname.split("."))) + SUFFIX

    def run(self) -> None:
        root = Path("src" if self.inplace else self.build_lib)
        library = root / self.get_ext_filename(self.extensions[0].name)
        note = library.with_suffix(".txt")
        library.parent.mkdir(parents=True, exist_ok=True)
        # Of an earlier build. Where it is loaded, it lives on there.
        library.unlink(missing_ok=True)
        note.unlink(missing_ok=True)
        asked = os.environ.get("LSTMKIT_NATIVE", "")
        if asked not in ("", "0", "require"):
            raise SystemExit(f"error: LSTMKIT_NATIVE={asked}; it can be 0 (leave the library out) or require, or unset")
        try:
            build(library, wanted=asked != "0")
        except BuildError as why:
            if asked == "require":
                raise SystemExit(f"error: LSTMKIT_NATIVE=require, and the native engine is not built: {why}") from None
            sys.stderr.write(f"lstmkit is installed without its native engine: {why}\n")
            note.write_text(f"{why}\n", "utf-8")
            self.distribution.ext_modules = []


class TagWheel(bdist_wheel):
    """`py3-none-PLATFORM` with the library, `py3-none-any` without it."""

    def run_command(self, command: str) -> None:
        super().run_command(command)
        if command == "build":
            self.root_is_pure = not self.distribution.has_ext_modules()

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", super().get_tag()[2]


setup(
    ext_modules=[
        Extension(
            "lstmkit.nn._native",
            sources=sorted(path.as_posix() for path in NATIVE.glob("*.cpp")),
            depends=sorted(path.as_posix() for path in NATIVE.iterdir() if path.suffix in (".h", ".inl")),
        )
    ],
    cmdclass={"build_ext": BuildNative, "bdist_wheel": TagWheel},
)
