"""Names that no number of a custom schedule may have, and data that hold them."""

import keyword
import random

ACTIONS = (
    "__import__('builtins').__dict__.__setitem__('lrsched_broken_into', True)",
    "().__class__.__base__.__subclasses__()",
    "open('lrsched_broken_into', 'w')",
    "exec('import builtins; builtins.lrsched_broken_into = 1')",
    "setattr(numpy, 'lrsched_broken_into', True)",
    "numpy.os.system('touch lrsched_broken_into')",
)
FRAMES = (
    "a={0}, b",
    "a={0})#",
    "a=1); {0}; (",
    "{0}",
    "a\n    {0}\nb",
    "a=[{0} for x in (1,)], b",
    "a=(lambda: {0})(), b",
    "*{0}",
    "**{0}",
)
STRANGE = (
    "",
    " ",
    "a b",
    "1",
    "a-b",
    "a.b",
    "é",
    "ａ",
    "ß",
    "\x00",
    "a\n",
    "\x1b[31mred",
    "\u202ea",
    "\ud800",
    "'",
    '"',
    "{",
    "}",
    "{0}",
    "%s",
    "#",
)


def names() -> list[str]:
    """Two thousand names that no number may have."""
    random_ = random.Random(7)
    found = {frame.format(action) for frame in FRAMES for action in ACTIONS} | set(STRANGE) | set(keyword.kwlist)
    letters = "ab_1 =,()[]{}'\"\\#\n;:.*é\x00"
    while len(found) < 2000:
        word = "".join(random_.choices(letters, k=random_.randint(1, 12)))
        frame, action = random_.choice(FRAMES), random_.choice(ACTIONS)
        found.add(random_.choice((word, word + frame.format(action), frame.format(action) + word)))
    return sorted(name for name in found if not is_allowed(name))


def is_allowed(name: str) -> bool:
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name)


NAMES = names()


def data(name: object) -> dict:
    return {"format": 1, "kind": "custom", "name": "hostile_names", "numbers": [[name, 1.0]]}
