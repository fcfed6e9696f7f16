"""Every fenced code block of the pages is run, at small size, on a miniature data folder.

How a block is treated stands in its first line:

- `bash`: commands, which must end with 0.
- `console`: commands behind `$ `, and what they print, stdout and stderr as on a terminal. The lines shown must be
  printed, in this order, with others between them only where `…` stands; numbers may differ, since the test trains
  less. Where a line begins with `error: `, the command must end with 2.
- `python`: run; `print(...)  # what` must print what.
- `csv`, `tsv`, `jsonl` and `toml` with a file's name: the file is written for the blocks that follow.
- `text`: not run.

`lstmkit lab` and `train` get the options `SHORTER` behind their own, `compare` those of `COMPARED`, `probe` one lag
where the page names none. `make` and `pip` lines are compared with the Makefile and the constraints; `make demo` runs
what the Makefile's recipe says. The blocks of a page run in order in one folder.
"""

import io
import re
import shlex
import tomllib
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest
from miniature import write_catalogue, write_own_files

from lstmkit.cli.main import run
from lstmkit.config.schema import DataConfig
from lstmkit.data.sources import load_corpus
from small_evidence import shorten_evidence

ROOT = Path(__file__).parents[2]
PAGES = {
    page.relative_to(ROOT).as_posix(): page.read_text("utf-8") for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
}
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
# Its blocks have a test of their own.
ELSEWHERE = {"docs/estimator.md": "tests/api/test_estimator_docs.py"}
# Their blocks train whole laboratories and probes.
WITH_EXPERIMENTS = ("docs/analyze.md", "docs/laboratory.md", "docs/probe.md", "docs/why-lstm.md")
SHORTER = [
    *("--device", "cpu"),
    *("--epochs", "3"),
    *("--set", "model.embedding_size=8"),
    *("--set", "model.hidden_size=8"),
    *("--set", "train.batch_size=32"),
]
COMPARED = [*SHORTER, "--epochs", "1", "--seeds", "2", "--rates", "0.003,0.01"]
N_BLOCKS = {
    "README.md": 5,
    "CONTRIBUTING.md": 3,
    "docs/compare.md": 5,
    "docs/analyze.md": 3,
    "docs/configuration.md": 3,
    "docs/data.md": 18,
    "docs/engine.md": 5,
    "docs/estimator.md": 6,
    "docs/explain.md": 7,
    "docs/forecast.md": 4,
    "docs/laboratory.md": 9,
    "docs/probe.md": 1,
    "docs/regression.md": 2,
    "docs/series.md": 3,
    "docs/speech.md": 5,
    "docs/why-lstm.md": 7,
    "docs/streaming.md": 17,
}
FIGURE = re.compile(r"^(?:`|The top of `)(\S+\.(?:png|html))`\.$", re.MULTILINE)
"""A line below a picture: the file that it shows, which the page's commands must make."""
FILES = ("csv", "tsv", "jsonl", "toml")


class Block(NamedTuple):
    """A fenced block: the line of the page at which its content begins, its language, its file's name, its content."""

    line: int
    language: str
    name: str
    content: str


class Command(NamedTuple):
    """A command line and what the page says that it prints."""

    words: list[str]
    shown: list[str]


def blocks_of(page: str) -> Iterator[Block]:
    for found in re.finditer(r"^```(\S*)(?: (\S+))?\n(.*?)^```$", page, re.DOTALL | re.MULTILINE):
        yield Block(page.count("\n", 0, found.start()) + 2, found[1], found[2] or "", found[3])


def commands_of(block: Block) -> Iterator[Command]:
    if block.language == "bash":
        for line in block.content.splitlines():
            if words := shlex.split(line, comments=True):
                yield Command(words, [])
        return
    first, *others = re.split(r"^\$ ", block.content, flags=re.MULTILINE)
    assert not first, f"a console block begins with a command: {first!r}"
    for text in others:
        line, *shown = text.splitlines()
        yield Command(shlex.split(line), shown)


def masked(line: str) -> str:
    """A line with its numbers and spacing made alike."""
    return re.sub(r"\s+", " ", re.sub(r"\d[\d.,]*", "#", line)).strip()


def missing(shown: list[str], printed: str) -> list[str]:
    """The first stretch of lines shown that is not printed behind those before it; empty where all are."""
    lines = [masked(line) for line in printed.splitlines() if line.strip()]
    stretch: list[str] = []
    place = 0
    for line in [*shown, "…"]:
        if line.strip() != "…":
            stretch += [line] if line.strip() else []
            continue
        wanted = [masked(one) for one in stretch]
        starts = (k for k in range(place, len(lines) - len(wanted) + 1) if lines[k : k + len(wanted)] == wanted)
        start = next(starts, None)
        if start is None:
            return stretch
        place, stretch = start + len(wanted), []
    return []


def recipe_of(target: str) -> str:
    """The one line that the Makefile runs for a target."""
    (recipe,) = re.findall(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    return recipe.strip().removeprefix("@$(BIN)/")


def check_make(words: list[str]) -> None:
    """See that the Makefile has the targets and the variables."""
    (targets,) = re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
    for word in words[1:]:
        name, is_variable, value = word.partition("=")
        if is_variable:
            assert re.search(rf"^{name} \?=", MAKEFILE, re.MULTILINE), f"the Makefile has no variable {name}"
            assert f"{name}={value}" in MAKEFILE, f"the Makefile itself recommends another {name}"
        else:
            assert name in targets.split(), f"the Makefile has no target {name}"


def check_pip(words: list[str]) -> None:
    """See that what is installed is what `make` installs."""
    _, verb, requirement, option, url = words
    assert (verb, option) == ("install", "--index-url")
    assert requirement in (ROOT / "constraints.txt").read_text("utf-8").split()
    assert f"TORCH_INDEX={url}" in MAKEFILE


class Reader:
    """Who does what a page says, in a working folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def follow(self, block: Block) -> None:
        """Run one block."""
        if block.language in FILES:
            self._write(block)
        elif block.language == "python":
            self._python(block)
        elif block.language in ("bash", "console"):
            for command in commands_of(block):
                self._command(command)
        else:
            assert block.language == "text", f"{block.language!r} is no language that this test knows"

    def _write(self, block: Block) -> None:
        assert block.name, f"a {block.language} block needs the name of its file"
        path = self.folder / block.name
        path.write_text(block.content, "utf-8")
        if block.language == "toml":
            assert tomllib.loads(block.content)
        else:
            assert len(load_corpus(DataConfig(source=str(path))).parts["all"]) == 6

    def _python(self, block: Block) -> None:
        with redirect_stdout(io.StringIO()) as printed:
            exec(compile(block.content, "a page", "exec"), {"__name__": "__main__"})  # noqa: S102
        promised = re.findall(r"print\(.*\)  # (.+)$", block.content, re.MULTILINE)
        assert [line for line in printed.getvalue().splitlines() if line in promised] == promised

    def _command(self, command: Command) -> None:
        words, shown = command
        if words[0] == "pip":
            check_pip(words)
            return
        if words[0] == "make":
            check_make(words)
            if not shown:
                return
            words = shlex.split(recipe_of(words[1]).replace("$(OUT)", "runs/demo-20260102T030405Z"))
        assert words[0] == "lstmkit", f"{words[0]}: only lstmkit, make and pip are known"
        is_refused = any(line.startswith("error: ") for line in shown)
        probed = [] if "--lags" in words else ["--lags", "10"]
        shorter = {"lab": SHORTER, "train": SHORTER, "compare": COMPARED, "probe": probed}.get(words[1], [])
        with redirect_stdout(io.StringIO()) as printed, redirect_stderr(printed):
            status = run([*words[1:], *([] if is_refused else shorter)])
        said = f"{shlex.join(words)} ended with {status} and printed:\n{printed.getvalue()}"
        assert status == (2 if is_refused else 0), said
        assert not (lost := missing(shown, printed.getvalue())), f"not printed: {lost}\n{said}"


def undrawn(folder: Path, runs_too: bool = True) -> Path:
    """An empty page, where a run would draw its own."""
    page = folder / "report.html"
    page.write_text("")
    return page


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """A reader in a folder with a user's own files, beside a data folder."""
    write_catalogue(tmp_path / "data")
    monkeypatch.setenv("LSTMKIT_DATA", str(tmp_path / "data"))
    # Drawing takes most of a short run's time and has its own tests; `lstmkit report` draws here too.
    monkeypatch.setattr("lstmkit.experiment.single.draw_run", undrawn)
    monkeypatch.setattr("lstmkit.experiment.lab.draw_lab", undrawn)
    monkeypatch.setattr("lstmkit.experiment.compare.draw_compare", undrawn)
    shorten_evidence(monkeypatch)
    folder = tmp_path / "work"
    write_own_files(folder)
    monkeypatch.chdir(folder)
    return Reader(folder)


def test_every_block_is_seen() -> None:
    assert {name: len(list(blocks_of(page))) for name, page in PAGES.items() if "```" in page} == N_BLOCKS
    assert set(PAGES) - set(N_BLOCKS) == {"CHANGELOG.md", "docs/decisions.md", "docs/results.md"}
    for name, page in PAGES.items():
        fences = re.findall(r"^\s*(?:```|~~~)", page, re.MULTILINE)
        assert len(fences) == 2 * N_BLOCKS.get(name, 0), f"{name}: a fence that is indented, or made of ~~~"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in WITH_EXPERIMENTS else name
        for name in sorted(set(N_BLOCKS) - set(ELSEWHERE))
    ],
)
def test_the_blocks_of_a_page_run(name: str, reader: Reader) -> None:
    for block in blocks_of(PAGES[name]):
        try:
            reader.follow(block)
        except BaseException as error:
            error.add_note(f"{name}:{block.line}")
            raise
    for figure in FIGURE.findall(PAGES[name]):
        assert (reader.folder / figure).is_file(), f"{name}: no command of the page makes {figure}"


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_runs_elsewhere_does(name: str) -> None:
    test = (ROOT / ELSEWHERE[name]).read_text("utf-8")
    assert Path(name).name in test
    assert {block.language for block in blocks_of(PAGES[name])} == {"python"}


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGES[name]):
        if not target.startswith("https://"):
            assert (ROOT / name).parent.joinpath(target).is_file(), target


def test_the_laboratory_names_each_section_of_its_page() -> None:
    template = (ROOT / "src/lstmkit/report/templates/lab.html.j2").read_text("utf-8")
    template = re.sub(r"{% if .+? %}(.*?){% else %}.*?{% endif %}</h2>", r"\1</h2>", template)  # of a run with errors
    titles = re.findall(r"<h2[^>]*>(.*?)</h2>", template.replace("{{ d.confident_errors | length }}", "20"))
    (section,) = re.findall(r"^## Read the page\n(.*?)^## ", PAGES["docs/laboratory.md"], re.DOTALL | re.MULTILINE)
    assert re.findall(r"\*\*(.+?)\*\*", section) == [re.sub(r"<.*?>", "", title) for title in titles]


def test_a_block_of_an_unknown_language_fails(reader: Reader) -> None:
    for fence in ("```\nlstmkit doctor\n```", "```sh\nlstmkit doctor\n```", "```csv\ntext,label\n```"):
        (block,) = blocks_of(fence)
        with pytest.raises(AssertionError, match=r"is no language|needs the name"):
            reader.follow(block)


@pytest.mark.parametrize(
    "page",
    [
        "```bash\nlstmkit data inof\n```",
        "```bash\nlstmkit data info nothing.csv\n```",
        "```bash\nls\n```",
        "```bash\nmake dmeo\n```",
        "```bash\nmake demo TORCH=1\n```",
        "```bash\npip install torch==2.0.0 --index-url https://download.pytorch.org/whl/cpu\n```",
        "```console\n$ lstmkit data list\nnot this\n```",
        "```console\n$ lstmkit data list\nerror: this\n```",
        "```python\nprint(1 + 1)  # 3\n```",
    ],
)
def test_a_block_that_is_wrong_fails(page: str, reader: Reader) -> None:
    (block,) = blocks_of(page)
    with pytest.raises(AssertionError):
        reader.follow(block)


@pytest.mark.parametrize(
    ("shown", "lost"),
    [
        ("a 1\nb 2.5 s\nc", ""),
        ("a 12,345\n…\nc", ""),
        ("…\nb   7 s\n\nc\n…", ""),
        ("a 1\nc", "a 1\nc"),
        ("b 1 s\n…\na 1", "a 1"),
        ("a x", "a x"),
        ("c\n…\nc", "c"),
    ],
)
def test_what_counts_as_printed(shown: str, lost: str) -> None:
    assert missing(shown.splitlines(), "a 3\n\nb 14.0 s\nc\n") == lost.splitlines()
