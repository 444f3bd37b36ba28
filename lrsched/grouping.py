"""Which parameters a value is for: patterns of names, one definition for every framework.

A **path** is the name of a parameter as its framework writes it: ``"encoder.0.weight"`` in PyTorch,
``"encoder/0/kernel"`` in JAX and Keras. A **pattern** is a string that must match the whole path,

    *            any characters, separators included
    ?            any one character
    [abc] [!abc] one character of a set, or none of it; ``[{]`` is a brace
    {bias,norm*} either of the alternatives
    {0..11}      any of these numbers, both ends included

in which ``.`` and ``/`` are the same separator, so that one pattern serves every framework; or a compiled regular
expression, which is searched for in the path as it is. The first pattern that matches counts.

A parameter without a pattern and a pattern without a parameter are errors, which say what there is.
"""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from lrsched.foundation.errors import ScheduleError, fail

__all__ = ["Pattern", "assign", "expand", "joint", "label_of", "layer_patterns", "matches", "members"]

Pattern = str | re.Pattern[str]

BRACES = re.compile(r"(?<!\[)\{([^{}]*)\}")
NUMBERS = re.compile(r"(\d+)\.\.(\d+)")
SHOWN = 12


def expand(pattern: str) -> tuple[str, ...]:
    """The patterns without braces that a pattern stands for, in order.

    Args:
        pattern: a string; ``{a,b}`` gives one for each alternative, ``{0..11}`` one for each number.

    Raises:
        ScheduleError: braces that are neither.

    Example:
        >>> expand("blocks.{0..2}.*")
        ('blocks.0.*', 'blocks.1.*', 'blocks.2.*')
        >>> expand("{head,norm}.{weight,bias}")
        ('head.weight', 'head.bias', 'norm.weight', 'norm.bias')
    """
    _check("expand", "pattern", pattern, allowed=(str,))
    return _expand(pattern)


@functools.lru_cache(maxsize=4096)
def _expand(pattern: str) -> tuple[str, ...]:
    found = BRACES.search(pattern)
    if found is None:
        return (pattern,)
    numbers = NUMBERS.fullmatch(found[1])
    if numbers:
        first, last = numbers.groups()
        width = len(first) if first.startswith("0") else 0
        choices = [f"{i:0{width}d}" for i in range(int(first), int(last) + 1)]
    else:
        choices = found[1].split(",")
    if len(choices) < (1 if numbers else 2):
        fail("pattern", "braces", "{a,b} or {0..11}, rising", pattern)
    before, after = pattern[: found.start()], pattern[found.end() :]
    return tuple(dict.fromkeys(whole for choice in choices for whole in _expand(before + choice + after)))


@functools.lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(_plain(whole)) for whole in _expand(pattern)))


def _plain(path: str) -> str:
    return path.replace(".", "/")


def matches(pattern: Pattern, path: str) -> bool:
    r"""Whether a pattern matches a path.

    Args:
        pattern: a string as described above, or a compiled regular expression.
        path: the name of a parameter, with ``.`` or ``/`` between its words.

    Raises:
        ScheduleError: a pattern that is neither, or has wrong braces.

    Example:
        >>> matches("encoder/*/{bias,scale}", "encoder.0.norm.bias"), matches("encoder", "encoder.0.bias")
        (True, False)
        >>> matches(re.compile(r"encoder\.[0-3]\."), "encoder.2.weight")
        True
    """
    _check("matches", "pattern", pattern)
    if isinstance(pattern, str):
        return _compiled(pattern).match(_plain(path)) is not None
    return pattern.search(path) is not None


def label_of(pattern: Pattern) -> str:
    """The name of the group that a pattern makes: its text."""
    return pattern if isinstance(pattern, str) else pattern.pattern


def assign(
    paths: Iterable[str],
    groups: Iterable[Pattern] | Mapping[str, Any],
    *,
    where: str = "assign",
    argument: str = "groups",
) -> tuple[str, ...]:
    """The label of the group that each parameter is in: that of the first pattern that matches.

    Args:
        paths: the names of n parameters.
        groups: patterns, whose text is the label; or a dictionary of a pattern, or several, by label.
        where, argument: how an error names the caller and what it was given.

    Returns:
        n labels.

    Raises:
        ScheduleError: a parameter that no pattern matches, a pattern that decides for no parameter, a label twice.

    Example:
        >>> assign(["body.weight", "body.bias", "head.weight"], ["head.*", "*"])
        ('*', '*', 'head.*')
        >>> assign(["body/kernel", "body/bias"], {"plain": ["*bias", "*scale"], "decayed": "*"})
        Traceback (most recent call last):
        lrsched.foundation.errors.ScheduleError: assign: groups must be patterns ... got '*scale' ...
    """
    names = list(paths)
    pairs = _pairs(where, argument, groups)
    chosen = [next((i for i, (_, pattern) in enumerate(pairs) if matches(pattern, path)), None) for path in names]
    missing = [path for path, i in zip(names, chosen, strict=True) if i is None]
    if missing:
        known = _listed([repr(label_of(pattern)) for _, pattern in pairs])
        _refuse(where, argument, f"patterns that match every parameter (a last '*' takes the rest); {known} match not",
                _listed(missing))  # fmt: skip
    for i, (_, pattern) in enumerate(pairs):
        if i not in chosen:
            allowed = f"patterns that each decide for one of the parameters {_listed(names)}"
            _refuse(where, argument, allowed, f"{label_of(pattern)!r} ({_why_unused(i, pairs, names)})")
    return tuple(pairs[i][0] for i in chosen if i is not None)


def members(paths: Iterable[str], groups: Iterable[Pattern] | Mapping[str, Any], **named: str) -> dict[str, list[str]]:
    """The parameters of each group by label, in the order of the groups; arguments as for :func:`assign`.

    Example:
        >>> members(["body.weight", "body.bias", "head.weight"], {"head": "head.*", "body": "*"})
        {'head': ['head.weight'], 'body': ['body.weight', 'body.bias']}
    """
    names = list(paths)
    given = groups if isinstance(groups, Mapping) else list(groups)
    labels = assign(names, given, **named)
    order = [label_of(key) for key in given]
    return {label: [path for path, its in zip(names, labels, strict=True) if its == label] for label in order}


def joint(
    paths: Iterable[str], by_name: Mapping[str, Iterable[Pattern]], *, where: str = "joint"
) -> tuple[tuple[str, ...], dict[str, dict[str, str]]]:
    """The groups that several hyperparameters, each with patterns of its own, divide the parameters into.

    Args:
        paths: the names of n parameters.
        by_name: the patterns of each hyperparameter, by its name.
        where: how an error names the caller.

    Returns:
        n labels, and for each label the pattern (its text) that decides for every hyperparameter, by name.

    Raises:
        ScheduleError: as :func:`assign`, for any of them.

    Example:
        >>> labels, found = joint(["a.weight", "a.bias"], {"lr": ["*"], "weight_decay": ["*bias", "*"]})
        >>> labels
        ('*', '* & *bias')
        >>> found["* & *bias"]
        {'lr': '*', 'weight_decay': '*bias'}
    """
    names = list(paths)
    columns = [assign(names, patterns, where=where, argument=name) for name, patterns in by_name.items()]
    rows = list(zip(*columns, strict=True)) if columns else [()] * len(names)
    labels: dict[tuple[str, ...], str] = {}
    for row in rows:
        if row not in labels:
            label = " & ".join(dict.fromkeys(row))
            while label in labels.values():
                label += "'"
            labels[row] = label
    return tuple(labels[row] for row in rows), {
        label: dict(zip(by_name, row, strict=True)) for row, label in labels.items()
    }


def layer_patterns(*patterns: str, paths: Iterable[str] | None = None) -> tuple[str, ...]:
    """One pattern for each layer of a model, from input to output: ``{0..11}`` stands for twelve layers.

    ``{}`` stands for the numbers that occur at its place in ``paths``. Alternatives, ``{norm,head}``, stay within one
    layer. What the result is for:

        layers = layer_patterns("embed*", "blocks.{}.*", "{norm,head}.*", paths=paths)
        rates = dict(zip(layers, lrs.layerwise(schedule, len(layers), 0.75), strict=True))

    Args:
        patterns: strings, the ones nearest the input first; at most one range or ``{}`` in each.
        paths: the names of the parameters, where a ``{}`` asks for them.

    Raises:
        ScheduleError: a ``{}`` without paths, or one that no path has a number for.

    Example:
        >>> layer_patterns("embed*", "blocks.{0..1}.*", "{norm,head}.*")
        ('embed*', 'blocks.0.*', 'blocks.1.*', '{norm,head}.*')
        >>> layer_patterns("blocks/{}/*", paths=["embed/w", "blocks/10/w", "blocks/9/w", "blocks/9/b"])
        ('blocks/9/*', 'blocks/10/*')
    """
    names = None if paths is None else list(paths)
    return tuple(layer for pattern in patterns for layer in _layers(pattern, names))


def _layers(pattern: str, paths: Sequence[str] | None) -> list[str]:
    _check("layer_patterns", "pattern", pattern, allowed=(str,))
    places = [found for found in BRACES.finditer(pattern) if NUMBERS.fullmatch(found[1]) or not found[1]]
    if len(places) > 1:
        fail("layer_patterns", "pattern", "a string with at most one {0..11} or {}", pattern)
    if not places:
        return [pattern]
    before, inside, after = pattern[: places[0].start()], places[0][0], pattern[places[0].end() :]
    if inside != "{}":
        return [before + number + after for number in expand(inside)]
    if paths is None:
        fail("layer_patterns", "paths", f"given, since the pattern {pattern!r} has a {{}}", paths, wrong_type=True)
    numbers = {word for path in paths for word in re.findall(r"\d+", path)}
    found = [n for n in sorted(numbers, key=int) if any(matches(before + n + after, path) for path in paths)]
    if not found:
        _refuse("layer_patterns", "paths", f"names with a number for {pattern!r}", _listed(list(paths)))
    return [before + number + after for number in found]


def _pairs(where: str, argument: str, groups: Any) -> list[tuple[str, Pattern]]:
    """(label, pattern) in order; checked."""
    if isinstance(groups, Mapping):
        several = {k: [v] if isinstance(v, (str, re.Pattern)) else list(v) for k, v in groups.items()}
        pairs = [(label, pattern) for label, patterns in several.items() for pattern in patterns]
    else:
        if isinstance(groups, str):
            fail(where, argument, "several patterns, or a dictionary of them by label", groups, wrong_type=True)
        pairs = [(label_of(_check(where, argument, pattern)), pattern) for pattern in groups]
        labels = [label for label, _ in pairs]
        for label in labels:
            if labels.count(label) > 1:
                fail(where, argument, "patterns that differ", label)
    for _, pattern in pairs:
        _check(where, argument, pattern)
    return pairs


def _check(where: str, argument: str, pattern: Any, allowed: tuple[type, ...] = (str, re.Pattern)) -> Any:
    if not isinstance(pattern, allowed):
        kinds = "a string" if allowed == (str,) else "a string or a compiled regular expression"
        fail(where, argument, f"{kinds} for names of parameters", pattern, wrong_type=True)
    return pattern


def _why_unused(i: int, pairs: Sequence[tuple[str, Pattern]], names: Sequence[str]) -> str:
    pattern = pairs[i][1]
    path = next((path for path in names if matches(pattern, path)), None)
    if path is not None:
        first = next(label_of(p) for _, p in pairs if matches(p, path))
        return f"what it matches, such as {path!r}, an earlier one takes: {first!r}"
    if isinstance(pattern, str):
        for wider in (f"{pattern}/*", f"*/{pattern}", f"*/{pattern}/*"):
            if any(matches(wider, path) for path in names):
                return f"it matches none of them; did you mean {wider!r}?"
    return "it matches none of them"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _refuse(where: str, argument: str, allowed: str, got: str) -> NoReturn:
    raise ScheduleError(f"{where}: {argument} must be {allowed}, got {got}")
