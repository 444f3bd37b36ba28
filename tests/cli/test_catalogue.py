"""The catalogue page is what its generator writes, and shows every recipe."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import lrsched as lrs
from lrsched import recipes
from lrsched.cli import catalogue
from lrsched.display import svg

DOCS = Path(__file__).resolve().parents[2] / "docs"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")

here = pytest.mark.skipif(not DOCS.exists(), reason="the pages are not part of the wheel")


@pytest.fixture(scope="module")
def pages():
    return catalogue.pages()


@here
def test_the_catalogue_is_up_to_date(pages):
    """Texts to the letter, pictures to a tenth of a pixel."""
    hint = "run python -m lrsched.cli.catalogue docs"
    written = {str(p.relative_to(DOCS)) for p in (*DOCS.glob("catalogue/*"), DOCS / "catalogue.md")}
    assert written == set(pages), hint
    for path, text in pages.items():
        found = (DOCS / path).read_text(encoding="utf-8")
        if path.endswith(".md"):
            assert found == text, hint
            continue
        assert NUMBER.sub("#", found) == NUMBER.sub("#", text), f"{path}: {hint}"
        old, new = ([float(x) for x in NUMBER.findall(picture)] for picture in (found, text))
        assert old == pytest.approx(new, abs=0.11, rel=1e-3), f"{path}: {hint}"


def test_every_recipe_is_shown(pages):
    page = pages["catalogue.md"]
    for name in recipes.__all__:
        assert f'<a id="{name}"></a>**{name}**' in page and f"](#{name})" in page and f"`recipes.{name}(" in page
    assert set(re.findall(r"\]\((catalogue/[^)]+)\)", page)) == set(pages) - {"catalogue.md"}
    rows = [line for line in page.splitlines() if line.startswith("| <a id")]
    assert len(rows) == len(recipes.__all__)
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 3 for row in rows)


def test_the_page_is_written_and_put_right(pages, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(catalogue, "pages", lambda: pages)
    assert catalogue.main([str(tmp_path)]) == 0 and catalogue.outdated(tmp_path) == ([], [])
    (tmp_path / "catalogue" / "gone.svg").write_text("")
    (tmp_path / "catalogue" / "sgdr.svg").write_text("")
    assert catalogue.outdated(tmp_path) == (["catalogue/sgdr.svg"], ["catalogue/gone.svg"])
    catalogue.main([str(tmp_path)])
    assert catalogue.outdated(tmp_path) == ([], []) and "1 files written, 1 removed" in capsys.readouterr().out


def drawn(schedule, steps):
    """The line of a small picture as steps and values."""
    root = ET.fromstring(svg.thumbnail(schedule, steps))
    line = root.find("{http://www.w3.org/2000/svg}polyline")
    assert line is not None
    labels = [t.text or "" for t in root.iter("{http://www.w3.org/2000/svg}text")]
    top, bottom = (float(t.replace(",", "")) for t in labels[:2])
    points = [tuple(map(float, p.split(","))) for p in line.get("points", "").split()]
    width, height = svg.SMALL_RIGHT - svg.SMALL_LEFT, svg.SMALL_BASE - svg.SMALL_TOP
    return [
        ((x - svg.SMALL_LEFT) / width * steps, bottom + (top - bottom) * (svg.SMALL_BASE - y) / height)
        for x, y in points
    ]


def test_a_small_picture_goes_where_the_schedule_goes():
    lr = lrs.warmup(200) >> lrs.cosine().over(800)
    for step, value in drawn(lr, 1_000):
        assert value == pytest.approx(lr(min(max(step, 0), 999)), abs=0.01)
    assert max(v for _, v in drawn(lrs.hold(501) >> lrs.hold(1, 9.0) >> lrs.hold(498), 1_000)) == pytest.approx(9, 0.01)
    assert [v for _, v in drawn(lrs.table([1, 3, 2]), 3)] == pytest.approx([1, 1, 3, 3, 2, 2], abs=0.05)
