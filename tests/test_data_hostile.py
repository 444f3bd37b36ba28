"""Data, logs and texts of hostile size or shape: a clear error, at a cost that is counted, not timed."""

from __future__ import annotations

import inspect
import itertools
import json
import math
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lrsched as lrs
from lrsched.algebra import serial
from lrsched.foundation.errors import listed, printable, show
from lrsched.inspection import identify as identify_module
from lrsched.inspection import shape_fit
from test_costs import calls

FLAT: dict[str, Any] = {"kind": "constant", "value": 1.0}


def doubled(kind: str, levels: int) -> dict[str, Any]:
    """Data in which every part stands twice, so that 2**levels parts take the room of a few."""
    data = FLAT
    for _ in range(levels):
        data = {"kind": kind, "parts": [data, data]}
    return {"format": 1, **data}


@pytest.mark.parametrize("kind", ["sum", "product", "minimum", "maximum"])
def test_shared_data_cost_once(kind: str) -> None:
    lrs.from_dict(doubled(kind, 2))
    few, many = (calls(lambda n=n: lrs.from_dict(doubled(kind, n))) for n in (5, 10))
    assert many < 3 * few, "twice the levels, not 32 times the parts"


def test_shared_data_are_one_node() -> None:
    part = {"kind": "hold", "steps": 3}
    found = lrs.from_dict({"format": 1, "kind": "sequence", "parts": [part, dict(part), part]})
    a, b, c = found.parts
    assert a is c and a is not b and a == b == lrs.hold(3)


@pytest.mark.parametrize("levels", [20, 40, 99])
def test_more_parts_than_anyone_needs_are_refused(levels: int) -> None:
    with pytest.raises(lrs.ScheduleError, match="more than 1,000,000 parts or 10,000,000 numbers"):
        lrs.from_dict(doubled("minimum", levels))


def test_every_number_and_part_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial, "MOST", 100)
    table = {"kind": "table", "values": [1.0] * 40}
    lrs.from_dict({"format": 1, "kind": "sequence", "parts": [table, {"kind": "hold", "steps": 1}]})
    for data in (
        {"kind": "table", "values": [1.0] * 101},
        {"kind": "sequence", "parts": [table, table]},
        {"kind": "sequence", "parts": [FLAT] * 11},
        {"kind": "multi_step", "milestones": list(range(101))},
        {"kind": "custom", "name": "tests_brief", "numbers": [["a", 1.0]] * 101},
    ):
        with pytest.raises(lrs.ScheduleError, match="the data have more than"):
            lrs.from_dict({"format": 1, **data})


def test_data_that_hold_themselves_are_refused() -> None:
    loop: dict[str, Any] = {"kind": "sum", "parts": []}
    loop["parts"] += [loop, loop]
    with pytest.raises(lrs.ScheduleError, match="a part holds itself"):
        lrs.from_dict({"format": 1, **loop})
    items: list[Any] = []
    items.append(items)
    with pytest.raises(lrs.ScheduleError, match="parts"):
        lrs.from_dict({"format": 1, "kind": "sum", "parts": items})


class Fresh(Mapping[str, Any]):
    """A mapping whose parts are made anew whenever one asks, and take each other's places in memory."""

    def __init__(self, n: int) -> None:
        self.data = {"kind": "hold", "steps": n} if n < 10 else {"kind": "sequence", "parts": None}
        self.n = n

    def __getitem__(self, key: str) -> Any:
        return [Fresh(i) for i in range(10)] if key == "parts" else {"format": 1, **self.data}[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)


def test_data_made_on_the_way_are_not_taken_for_others() -> None:
    assert lrs.from_dict(Fresh(10)) == lrs.from_dict(
        {"format": 1, "kind": "sequence", "parts": [{"kind": "hold", "steps": i} for i in range(10)]}
    )


@pytest.mark.parametrize("form", [np.array([1.0, 2.0]), np.array(1), [1], {}, "1", None, math.nan, 1j, object()])
def test_formats_of_odd_types_are_refused(form: Any) -> None:
    with pytest.raises(lrs.ScheduleError, match="format must be 1"):
        lrs.from_dict({"format": form, "kind": "linear"})


@pytest.mark.parametrize("values", [range(10**12), itertools.count(), (x for x in "12"), np.empty((10**7 + 1, 0))])
def test_sequences_without_an_end_are_refused(values: Any) -> None:
    with pytest.raises(lrs.ScheduleError):
        lrs.from_dict({"format": 1, "kind": "table", "values": values})


def test_keys_of_any_kind_are_shown_in_few_characters() -> None:
    for key in (3, None, (1,) * 10**6, "x" * 10**6, "\x1b[31m\n\ud800", "format"):
        for data in ({"kind": "linear", key: 1}, {"kind": "over", "steps": 3, "profile": {"kind": "linear", key: 1}}):
            if key == "format" and data["kind"] == "linear":
                continue
            with pytest.raises(lrs.ScheduleError, match="linear has no field") as caught:
                lrs.from_dict({"format": 1, **data})
            assert len(str(caught.value)) < 300 and str(caught.value).isprintable()


def test_json_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    text = lrs.warmup(5).to_json()
    monkeypatch.setattr(serial, "LONGEST_JSON", len(text))
    assert lrs.from_json(text) == lrs.from_json(text.encode()) == lrs.warmup(5)
    for more in (text + " ", (text + " ").encode()):
        with pytest.raises(lrs.ScheduleError, match="from_json: the text must have at most"):
            lrs.from_json(more)


def test_a_low_limit_of_recursion_is_named() -> None:
    schedule: Any = lrs.cosine().over(5)
    for _ in range(60):
        schedule = schedule.clipped(0, 1)
    text, limit, depth = schedule.to_json(), sys.getrecursionlimit(), len(inspect.stack())
    data = json.loads(text)
    for use in (lambda: lrs.from_dict(data), lambda: schedule(3)):
        try:
            sys.setrecursionlimit(depth + 60)
            with pytest.raises(lrs.ScheduleError, match="than Python may recurse"):
                use()
        finally:
            sys.setrecursionlimit(limit)
    assert lrs.from_json(text)(3) == schedule(3)


# ---- messages


class Costly:
    """A value whose text is long, and is asked for only so often."""

    asked = 0

    def __repr__(self) -> str:
        type(self).asked += 1
        return "costly"


NESTED: list[Any] = []
for _ in range(10_000):
    NESTED = [NESTED]


@pytest.mark.parametrize(
    "value",
    [
        [1, [2, (3,), {}, {"a": {4}}], (), set(), frozenset({5}), b"x", "y'", None, 1.5],
        {"a": [1, 2], 3: ("x", "y")},
        "it's",
        b"\x00",
        (1,),
        [[]],
        lrs.warmup(5),
        "\x1b[31m",
    ],
    ids=lambda v: ascii(v)[:20],
)
def test_short_values_are_shown_as_python_writes_them(value: Any) -> None:
    assert show(value) == (repr(value) if len(repr(value)) <= 80 else repr(value)[:77] + "...")


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10**6,
        b"x" * 10**6,
        bytearray(10**6),
        list(range(10**6)),
        {i: i for i in range(10**5)},
        set(range(1000)),
        tuple("abc" * 1000),
        10**4000,
        NESTED,
    ],
    ids=lambda v: type(v).__name__,
)
def test_long_values_are_cut(value: Any) -> None:
    text = show(value)
    assert len(text) == 80 and text.endswith("...")
    if not isinstance(value, list) or value is not NESTED:
        assert text == repr(value)[:77] + "..."


def test_no_more_is_spelled_than_is_shown() -> None:
    parts: Any = [Costly()]
    for _ in range(40):
        parts = [parts, parts]
    for value in ([Costly() for _ in range(10**5)], {i: Costly() for i in range(10**5)}, parts, (parts,) * 9):
        Costly.asked = 0
        show(value)
        assert Costly.asked <= 40
    for data in (parts, [parts, parts], {"a": parts}):
        with pytest.raises(lrs.ScheduleError) as caught:
            lrs.from_dict({"format": 1, "kind": "warmup", "steps": data})
        assert len(str(caught.value)) < 200


def test_messages_are_one_printable_line() -> None:
    class Escaping:
        def __repr__(self) -> str:
            return "\x1b[31m\n  \u202e\x00\ud800"

    assert show(Escaping()) == r"\x1b[31m \u202e\x00\ud800"
    assert show(np.eye(2)) == "array([[1., 0.], [0., 1.]])"
    assert printable("a\nb\t", kept="\n") == "a\nb\\t"
    assert listed(["a", 3, "\x1b"]) == "a, 3, \\x1b"
    assert len(listed(map(str, range(10**6)))) < 220 and len(listed(["x" * 10**6] * 9)) < 420


# ---- logs


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "a.csv"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0,1\n1000000000000000000,2\n", "the steps must be below 2**53, got 1e+18"),
        ("0,1\n1e300,2\n", "below 2**53"),
        ("0,1\n9007199254740000,2\n", "too sparse for a table of 10,000,000 rates"),
        ("0,0.1\n1,0.7\n2,0.2\n1000000000,0.9\n", "too sparse"),
        ("x" * 140_000 + ",1\n", "is no CSV: field larger than field limit"),
        ("0,1\n1_0,2\n20,3\n", "row 2 of a.csv has no numbers: 1_0, 2"),
        ("0,1\n1,٣\n", "row 2 of a.csv has no numbers"),
        ("0,1\n1,0x10\n", "row 2 of a.csv has no numbers"),
        ("0,=cmd\n1,2\n2,3\n", "row 1 of a.csv has no numbers: 0, =cmd"),
        ("step,1\n1,2\n2,3\n", "row 1 of a.csv has no numbers: step, 1"),
        ('0,"1\n1,2\n2,3\n', "is no CSV: unexpected end of data"),
        (",".join("c" * 10_000), "needs a column of steps and one of rates, got c, c, "),
        ("step,lr\n1," + "y" * 10_000, "row 2 of a.csv has no numbers: 1, yyy"),
        ("\x1b[31m,b,c\n", r"got \x1b[31m, b, c"),
        ("step,lr,x\n", "at least 2 rates"),
        ("0,inf\n1,2\n", "must be finite"),
    ],
)  # fmt: skip
def test_logs_that_are_refused(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(lrs.ScheduleError) as caught:
        lrs.identify(written(tmp_path, text))
    assert said in str(caught.value) and len(str(caught.value)) < 500 and str(caught.value).isprintable()


@pytest.mark.parametrize("head", ["", "step,lr\n", "\n\n", "Step , Value\n", "a,b\n", "step,\n"])
def test_a_first_row_without_numbers_is_one_of_titles(head: str, tmp_path: Path) -> None:
    rows = "".join(f"{t},{lrs.rex().over(100)(t)!r}\n" for t in range(100))
    assert lrs.identify(written(tmp_path, head + rows)).schedule == lrs.rex().over(100)


def test_a_log_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identify_module, "LONGEST", 9)
    with pytest.raises(lrs.ScheduleError, match="has more than 9 rates"):
        lrs.identify(written(tmp_path, "1\n" * 10))


def test_a_sparse_log_of_a_shape_is_still_found() -> None:
    steps = np.arange(0, 10**12, 10**10)
    schedule = lrs.warmup(2 * 10**11) >> lrs.cosine().over(8 * 10**11)
    found = lrs.identify(np.c_[steps, schedule(steps)])
    assert found.fits and found.schedule == schedule


def test_random_rates_cost_in_proportion() -> None:
    def cost(n: int) -> int:
        rates = np.random.default_rng(1).random(n)
        return calls(lambda: lrs.identify(rates))

    cost(500)
    assert cost(40_000) < 11 * cost(4_000)


def test_kinks_are_not_looked_for_in_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    class Once(list[int]):
        def __contains__(self, key: object) -> bool:
            raise AssertionError("a list is searched from its start")

    plain = shape_fit._sharp
    monkeypatch.setattr(shape_fit, "_sharp", lambda *a: (r := plain(*a)) and (Once(r[0]), r[1]))
    rates = np.interp(np.arange(500), np.arange(0, 507, 7), np.random.default_rng(2).random(73))
    lrs.identify(rates)


# ---- texts


def test_a_signature_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from lrsched.text import parser as text_module

    asked = []
    plain = inspect.signature
    monkeypatch.setattr(text_module.inspect, "signature", lambda f: asked.append(f) or plain(f))
    text_module._signature.cache_clear()
    text = "cosine().over(5)" + " >> constant(1).lasting(2)" * 300
    schedule = lrs.parse(text)
    assert len(schedule.parts) == 301 and len(asked) <= 6
    assert lrs.parse(repr(schedule)) == schedule


def test_long_texts_cost_in_proportion() -> None:
    for head, more in (
        ("cosine().over(5)", " >> constant(1).lasting(2)"),
        ("cosine().over(5)", " - linear().over(5)"),
        ("constant(1", "+1"),
    ):
        end = ")" * (head.count("(") - head.count(")"))
        few, many = (calls(partial(lrs.parse, head + more * n + end)) for n in (100, 1000))
        assert many < 11 * few


def test_words_of_any_length_are_shown_in_few_characters() -> None:
    word = "z" * 10**5
    for text in (
        f"rex({word}=1, {word}=2)",
        f"rex() {word}",
        f"rex().over(5 {word}",
        f"rex().{word}()",
        word,
        f"'{word}'.x",
    ):
        with pytest.raises(lrs.ScheduleError) as caught:
            lrs.parse(text)
        assert len(str(caught.value)) < 400
