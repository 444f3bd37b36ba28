"""What people see of an expression: completion, help and signatures show what users call and nothing else."""

import inspect
import pydoc

import pytest

import lrsched as lrs

SCHEDULE = [
    "advanced",
    "after",
    "boundaries",
    "check",
    "clipped",
    "cooldown",
    "cycle_ends",
    "delayed",
    "describe",
    "duration",
    "extended",
    "fingerprint",
    "first_below",
    "lasting",
    "mirrored",
    "per_epoch",
    "perturbed",
    "plot",
    "rescaled",
    "restarted",
    "reversed",
    "sample",
    "sampled",
    "stretched",
    "sum",
    "then",
    "to_dict",
    "to_json",
    "warmup",
]
PROFILE = [
    "bent",
    "delayed",
    "fingerprint",
    "mirrored",
    "normalised",
    "over",
    "reversed",
    "sampled",
    "to_dict",
    "to_json",
    "warped",
]
INTERNAL = [
    "concrete",
    "edges",
    "fixed_counts",
    "fixed_length",
    "formula",
    "key",
    "kind_name",
    "method",
    "operands",
    "parts",
    "validate",
    "where",
    "as_power",
    "nearer",
    "side",
    "sided",
    "steady",
    "first",
    "last",
    "lift",
    "goes_on",
    "milestones",
    "twin",
]

S = lrs.warmup(5) >> lrs.cosine().over(9)
SHOWN = {
    "schedule": (S, SCHEDULE),
    "class of a schedule": (lrs.warmup, SCHEDULE),
    "combinator": (2.0 * S.restarted(), SCHEDULE),
    "profile": (lrs.knots((0, 1), (1, 0)), PROFILE),
    "class of a profile": (lrs.cosine, PROFILE),
    "base of schedules": (lrs.Schedule, SCHEDULE),
    "base of profiles": (lrs.Profile, PROFILE),
}


@pytest.mark.parametrize("name", SHOWN)
def test_completion_shows_what_users_call(name: str) -> None:
    value, expected = SHOWN[name]
    assert dir(value) == sorted(expected)
    assert all(hasattr(S if expected is SCHEDULE else lrs.cosine(), word) for word in expected)


@pytest.mark.parametrize("shown", [lrs.cosine, lrs.warmup, lrs.Schedule, lrs.table])
def test_help_shows_no_internals(shown: type) -> None:
    text = pydoc.plain(pydoc.render_doc(shown))
    told = [line for line in text.splitlines() if line.startswith(" |  ")]
    assert str(shown.__doc__).splitlines()[0] in text
    for word in INTERNAL:
        assert not any(line.startswith((f" |  {word}(", f" |  {word}\n", f" |  {word} =")) for line in told), word


def test_signatures_have_names_defaults_and_types() -> None:
    expected = "(steps: int, start: float = 0.0, end: float = 1.0, profile: lrsched.algebra.profile.Profile = linear(), skip_zero: bool = False)"
    assert str(inspect.signature(lrs.warmup)) == expected
    assert str(inspect.signature(lrs.cosine)) == "()"
    assert str(inspect.signature(lrs.polynomial)) == "(power: float = 2.0)"


def test_the_package_says_what_it_is_for() -> None:
    doc = str(lrs.__doc__)
    assert doc.count("\n    >>> ") + doc.count("\n    >>>") >= 10 and "learning-rate" in doc.lower()
