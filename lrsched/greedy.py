"""What pickles name, from :mod:`lrsched.feedback.greedy`."""

from lrsched.feedback.greedy import Greedy, GreedyState

__all__ = ["Greedy", "GreedyState"]
