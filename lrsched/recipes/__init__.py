"""Schedules known by name, each a plain function whose body is one expression of the algebra."""

from __future__ import annotations

from lrsched.recipes import _old
from lrsched.recipes._old import *  # noqa: F403

__all__ = [*_old.__all__]
