"""The recipes of docs/configs.md, each where its package is installed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import test_docs
import test_readme

PAGE = Path(__file__).resolve().parent.parent / "docs" / "configs.md"
PACKAGES = {"YAML": ("yaml",), "OmegaConf and Hydra": ("omegaconf", "hydra", "torch"), "A dataclass with tyro": ("tyro",),
            "A pydantic model": ("pydantic",)}  # fmt: skip

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the pages are not part of the wheel")


def sections():
    return {s.title: s.code for s in test_readme.sections(PAGE.read_text(encoding="utf-8"))} if PAGE.exists() else {}


def test_every_section_has_its_package():
    assert set(sections()) == set(PACKAGES)


@pytest.mark.parametrize("title", PACKAGES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_recipe_works(title, monkeypatch, tmp_path):
    for name in PACKAGES[title]:
        pytest.importorskip(name)
    code = sections()[title]
    assert len(re.findall(r"# -> ", code)) >= 1
    test_docs.run(code, "configs", monkeypatch, tmp_path)
