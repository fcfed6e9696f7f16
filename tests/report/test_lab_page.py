"""The laboratory's page with its evidence: drawn from records alone, links that lead somewhere, gaps that are told."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import explained_toys
import fake_lab
import fake_records
import pytest
from fake_records import read_json, write_json
from reading_pages import read_page

from lstmkit.core.errors import ArtifactError
from lstmkit.report import draw_lab

SECTIONS = ["Gradient flow", "Gates", "Memory horizon", "Two predictions from the inside", "Observation"]


def titles(folder: Path) -> list[str]:
    return [heading.text for heading in read_page(folder / "report.html").all("h2")]


@pytest.fixture
def copy(evident: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(evident, tmp_path / "lab"))


def test_all_evidence_is_on_one_page_under_3_mb(evident: Path) -> None:
    page = evident / "report.html"
    found = titles(evident)
    assert found[found.index("Gradient flow") : found.index("Result")] == SECTIONS
    assert page.stat().st_size < 3_000_000
    source = page.read_text("utf-8")
    assert source.count("<figure") == source.count("<figcaption")
    assert "<script>alert" not in source


def test_every_figure_that_a_claim_names_is_there_and_every_page_that_is_linked(evident: Path) -> None:
    source = (evident / "report.html").read_text("utf-8")
    targets = re.findall(r'href="#(figure-[^"]+)"', source)
    assert targets == [f"figure-{claim['figure']}" for claim in fake_lab.CLAIMS if claim["figure"]]
    for target in targets:
        assert source.count(f'id="{target}"') == 1
    pages = re.findall(r'href="([a-z][^"]+\.html)"', source)
    assert set(pages) == {"analysis.html", "memory/report.html", "explanations/right.html", "explanations/wrong.html"}
    for page in set(pages) - {"analysis.html"}:  # which `lstmkit report` draws from analysis.json, too
        assert (evident / page).exists()


def test_half_lives_stand_beside_the_fit_of_their_line(evident: Path) -> None:
    rows = ["".join(row.text.split()) for row in read_page(evident / "report.html").all("tr")]
    assert "LSTM,trained40R²0.6825%" in rows


def test_claims_stand_under_their_sentence_with_rule_and_verdict(evident: Path) -> None:
    page = read_page(evident / "report.html")
    verdicts = [e.text for e in page.all("span") if e.attributes.get("class", "").startswith("verdict")]
    assert verdicts == [claim["verdict"] for claim in fake_lab.CLAIMS]
    source = (evident / "report.html").read_text("utf-8")
    for claim in fake_lab.CLAIMS:
        assert claim["rule"] in source
    assert source.count("Loss decreases &amp; accuracy improves") == 1


def test_examples_say_by_which_rule_they_were_chosen(evident: Path) -> None:
    source = (evident / "report.html").read_text("utf-8")
    for kind, rule in fake_lab.RULES.items():
        assert f"{rule} (test/{kind})" in source
    assert source.count('class="chart running"') == 4  # two examples, two networks


def test_a_long_text_is_cut_to_its_end_and_says_so(tmp_path: Path) -> None:
    folder = fake_records.write_lab(tmp_path / "lab", n_test=90, n_epochs=2)
    fake_lab.write_evidence(folder, " ".join([explained_toys.TEXT] * 8))
    source = draw_lab(folder, runs_too=False).read_text("utf-8")
    (first, second) = re.findall(r"… (\d+) tokens before …", source)
    assert int(first) > 0
    assert first == second
    assert "The end of the text, which is read last." in source


def test_a_digit_is_shown_as_an_image_and_a_grid(tmp_path: Path) -> None:
    folder = fake_records.write_lab(tmp_path / "lab", n_test=90, n_epochs=2)
    fake_lab.write_evidence(folder, explained_toys.DIGIT)
    source = draw_lab(folder, runs_too=False).read_text("utf-8")
    assert source.count('class="reading still grid"') == 2


def test_a_lab_without_evidence_still_draws(imdb: Path, copy: Path) -> None:
    assert not set(SECTIONS[:4]) & set(titles(imdb))  # as older versions wrote it: other verdicts, no rules
    for name in ("analysis.json", "evidence.json", "memory/probe.json"):
        (copy / name).unlink()
    draw_lab(copy, runs_too=False)
    assert not set(SECTIONS[:4]) & set(titles(copy))
    source = (copy / "report.html").read_text("utf-8")
    assert "#figure-memory" not in source
    assert "#figure-loss" in source


def test_what_is_left_out_is_told_with_its_reason(copy: Path) -> None:
    gap = {"part": "memory horizon", "reason": "no room <left> on the disk"}
    write_json(copy / "evidence.json", {"format": 1, "explained": [], "left_out": [gap]})
    source = draw_lab(copy, runs_too=False).read_text("utf-8")
    assert "memory horizon: <bdi>no room &lt;left&gt; on the disk</bdi>" in source


def test_a_damaged_record_is_an_error_and_the_page_stays(copy: Path) -> None:
    before = (copy / "report.html").read_bytes()
    for name in ("analysis.json", "evidence.json", "memory/probe.json", "explanations/wrong.json"):
        whole = read_json(copy / name)
        write_json(copy / name, {"format": 99})
        with pytest.raises(ArtifactError):
            draw_lab(copy)
        write_json(copy / name, whole)
    record = read_json(copy / "lab.json")
    record["claims"][0]["verdict"] = "surely"
    write_json(copy / "lab.json", record)
    with pytest.raises(ArtifactError, match=r"claims\.0\.verdict"):
        draw_lab(copy)
    assert (copy / "report.html").read_bytes() == before


def test_the_page_is_drawn_without_torch(copy: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from lstmkit.report import draw_lab; draw_lab(Path(sys.argv[1])); "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, copy], check=True)
