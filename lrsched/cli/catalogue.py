"""The catalogue page and its pictures, written by ``python -m lrsched.cli.catalogue docs``."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Any

from lrsched import recipes
from lrsched.algebra.profile import Profile
from lrsched.display.svg import thumbnail
from lrsched.recipes._examples import Example, examples

SECTIONS = {
    "warmups": "Warm-ups, and the decays that follow them",
    "decays": "Decays",
    "cycles": "Cycles, restarts, one cycle",
    "llm": "Language models",
    "runs": "Published runs of language models",
    "companions": "Companions: momentum, weight decay, batch size, averaging, step sizes of theory",
}

INTRODUCTION = """# Catalogue

Every schedule of [`lrs.recipes`](recipes.md): a picture, its equation, a call, the expression that the call gives, and
who else has it. In the equations `t` is the number of updates already made. In a picture the upper line is the largest
value, the lower one 0 (or the smallest value, where that is more than half of the largest), and the number on the right
the length of the run; a dot marks the first value. `lrsched recipes WORD` searches this page from the command line. It
is generated from the docstrings by `python -m lrsched.cli.catalogue docs`.
"""

SHAPES = """## Shapes

The profiles of the algebra, of which the recipes are made, and what can be done to one. `.over(steps, start, end)` lays
a profile over a number of updates.
"""

PROFILES = (
    "flat()",
    "linear()",
    "cosine()",
    "polynomial(2.0)",
    "one_minus_power(0.5)",
    "exponential(4.0)",
    "inverse_time(9.0)",
    "logarithmic(99.0)",
    "rex()",
    "rex(0.9)",
    "tanh()",
    "knots((0, 0.3, 0.8, 1), (1, 0.9, 0.2, 0))",
    "pchip((0, 0.3, 0.8, 1), (1, 0.9, 0.2, 0))",
    "staircase((0.3, 0.6), (1, 0.5, 0.1))",
    "phases((1, flat()), (2, cosine()))",
    "cosine() * linear()",
    "cosine() ** 2",
    "cosine().bent(0.5)",
    "cosine().warped(2.0)",
    "one_minus_power(0.5).reversed()",
    "rex().mirrored()",
    "cosine().delayed(0.5)",
    "exponential().normalised()",
    "rex().sampled(times=10)",
    "linear().sampled(at=(0.5, 0.75))",
)


def pages() -> dict[str, str]:
    """The text of every file of the catalogue by its path below the folder of the documentation."""
    files: dict[str, str] = {}
    known = examples()
    sections = {SECTIONS[file.__name__.rpartition(".")[2]]: _names(file) for file in recipes.FILES}
    contents = (f"**{title}**: {', '.join(f'[{n}](#{n})' for n in names)}\n" for title, names in sections.items())
    body = [INTRODUCTION, *contents, SHAPES, *_shapes(files)]
    for title, names in sections.items():
        body += [f"## {title}\n", "| | |\n|---|---|", *(_row(known[name], files) for name in names), ""]
    return {"catalogue.md": "\n".join(body), **files}


def _names(file: Any) -> list[str]:
    """The recipes of a file in the order in which they stand there."""
    return sorted(set(file.__all__) & set(examples()), key=lambda name: getattr(file, name).__code__.co_firstlineno)


def _shapes(files: dict[str, str]) -> list[str]:
    from lrsched.text import parse

    cells = []
    for i, text in enumerate(PROFILES):
        profile = parse(text)
        assert isinstance(profile, Profile)
        path = f"catalogue/shape_{i:02d}.svg"
        files[path] = thumbnail(profile.over(1_000, endpoint=True), 1_000)
        cells.append(f"![{text}]({path})<br>`{text}`")
    rows = [f"| {' | '.join(cells[i : i + 4]).ljust(1)} |" for i in range(0, len(cells), 4)]
    return ["| | | | |\n|---|---|---|---|", *rows, ""]


def _row(example: Example, files: dict[str, str]) -> str:
    """A recipe as a row of two cells: its name over its picture, and what there is to say."""
    told = _told(getattr(recipes, example.name))
    pictures = []
    for part, schedule in example.schedules().items():
        path = f"catalogue/{example.name}{'_' * bool(part)}{part}.svg"
        files[path] = thumbnail(schedule, example.steps(schedule))
        pictures.append(f"{part + '<br>' if part else ''}![{example.name} {part}]({path})".replace(" ]", "]"))
    lines = [
        told["summary"],
        _code(told["Formula"]),
        f"{_code(str(example))} gives",
        *(_code(_short(text)) for text in example.expressions()),
        f"Elsewhere: {_escaped(told['Elsewhere'])}",
        f"Source: {_escaped(told['Source'])}",
    ]
    name = f'<a id="{example.name}"></a>**{example.name}**'
    return f"| {'<br>'.join([name, *pictures])} | {'<br>'.join(lines)} |"


def _told(function: Any) -> dict[str, str]:
    """What a docstring says, by heading, each on one line."""
    doc = inspect.getdoc(function) or ""
    found = {"summary": " ".join(doc.split("\n\n")[0].split())}
    for heading in ("Formula", "Elsewhere", "Source"):
        match = re.search(rf"^{heading}: (.*?)(?=\n\n|\n[A-Z][a-z]+:|\Z)", doc, re.MULTILINE | re.DOTALL)
        assert match is not None, f"{function.__name__} has no {heading}"
        found[heading] = " ".join(match[1].split())
    return {heading: text.replace("``", "`") for heading, text in found.items()}


def _short(text: str) -> str:
    """The text with numbers of many digits cut to six."""
    return re.sub(r"\d+\.\d{7,}(?:e-?\d+)?", lambda m: f"{float(m[0]):.6g}", text)


def _code(text: str) -> str:
    return f"`{_escaped(text)}`"


def _escaped(text: str) -> str:
    return text.replace("|", r"\|")


def outdated(folder: Path) -> tuple[list[str], list[str]]:
    """The files below a folder that are not as generated, and the pictures there that nothing needs."""
    wanted = pages()
    old = [path for path, text in wanted.items() if not _holds(folder / path, text)]
    return old, sorted({str(p.relative_to(folder)) for p in folder.glob("catalogue/*.svg")} - set(wanted))


def main(arguments: list[str]) -> int:
    """Write the files below the folder given, ``docs`` by default."""
    folder = Path(arguments[0] if arguments else "docs")
    old, left = outdated(folder)
    (folder / "catalogue").mkdir(parents=True, exist_ok=True)
    for path in left:
        (folder / path).unlink()
    for path, text in pages().items():
        if path in old:
            (folder / path).write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(old)} files written, {len(left)} removed\n")
    return 0


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
