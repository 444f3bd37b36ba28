"""The attributes of an expression, as programs read and restore them that save the functions they call."""

from __future__ import annotations

import copy
import functools
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lrsched as lrs
from strategies import expressions

KINDS = st.one_of(expressions("Schedule"), expressions("Profile"))


@given(KINDS)
def test_they_are_its_text(s):
    word = "schedule" if isinstance(s, lrs.Schedule) else "profile"
    assert vars(s) == {word: repr(s)}
    assert vars(s) is not vars(s)
    assert type(vars(s).copy()) is dict


@given(KINDS)
def test_its_own_are_taken_back(s):
    saved = vars(s).copy()
    vars(s).update(saved)
    vars(s).update(pickle.loads(pickle.dumps(saved)))
    assert copy.copy(s) is s and copy.deepcopy(s) is s and pickle.loads(pickle.dumps(s)) == s


@given(KINDS, KINDS)
def test_those_of_another_are_refused(a, b):
    if repr(a) == repr(b):
        return
    with pytest.raises(lrs.ScheduleError, match="must be that of the saved state"):
        vars(a).update(vars(b).copy())


def test_a_refusal_names_both():
    with pytest.raises(lrs.ScheduleError) as caught:
        vars(lrs.warmup(5)).update({"schedule": "warmup(6)"})
    assert (
        str(caught.value) == "load_state_dict: schedule must be that of the saved state, 'warmup(6)', got 'warmup(5)'"
    )


@pytest.mark.parametrize("saved", [{}, {"scale": 3}, {"schedule": "warmup(5)", "scale": 3}, {"profile": "warmup(5)"}])
def test_attributes_of_something_else_are_refused(saved):
    with pytest.raises(lrs.ScheduleError, match="load_state_dict: schedule must be"):
        vars(lrs.warmup(5)).update(saved)


def test_nothing_can_be_changed_through_them():
    s = lrs.warmup(5)
    vars(s)["schedule"] = "warmup(6)"
    assert vars(s) == {"schedule": "warmup(5)"}
    with pytest.raises(AttributeError):
        s.__dict__ = {}
    with pytest.raises(AttributeError):
        s.schedule = 1
    assert not hasattr(s, "schedule") and "__dict__" not in dir(s)


def test_a_function_may_wrap_a_schedule():
    s = lrs.warmup(5)

    @functools.wraps(s, assigned=())
    def wrapped(t):
        return s(t)

    assert wrapped(5) == 1.0 and wrapped.schedule == repr(s)
