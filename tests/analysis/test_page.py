"""The page on judging: the commands that it shows print what it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from lrsched import cli

PAGE = Path(__file__).parents[2] / "docs" / "analysis.md"
SHOWN = re.findall(
    r"^```text\n\$ (.*)\n([^`]*)^```", PAGE.read_text(encoding="utf-8") if PAGE.exists() else "", re.MULTILINE
)

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the pages are not part of the wheel")


def test_commands_are_shown():
    assert len(SHOWN) == 2


@pytest.mark.parametrize(("command", "shown"), SHOWN, ids=["tuned", "shapes"][: len(SHOWN)])
def test_a_command_prints_what_is_shown(command, shown, capsys, monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.delenv("COLUMNS", raising=False)
    assert cli.main(shlex.split(command)[1:]) == 0
    printed = capsys.readouterr().out
    assert [line.rstrip() for line in printed.splitlines()] == shown.splitlines()
