"""The array half of a range filler: arithmetic in place, block by block."""

from __future__ import annotations

import numpy as np

from lrsched.sampling.scalar_code import Skeleton
from lrsched.sampling.scalar_rules import tame, times
from lrsched.sampling.values import LARGEST, ONE, Affine, Linear, Node, Scalar, UnfitError, Value
from lrsched.targets._numpy import OPERATIONS

__all__ = ["BLOCK", "LONG", "Blocks"]

BLOCK = 16_384
LONG = 4_096
LINES = 4  # tables of lines at once: with the output and the buffers they have to stay in cache
DEEP = 150  # operations inside operations; deeper ones are left to the code for arrays, which is not nested
LOGICAL = (np.less, np.less_equal, np.equal)
IN_PLACE = frozenset(op for op, f in OPERATIONS.items() if isinstance(f, np.ufunc) and f.nout == 1 and f not in LOGICAL)
SPECIAL = frozenset({"wave", "patch", "choice", "call", "hold", "cycle"})
Patch = tuple[Scalar, Scalar]
Done = dict[int, str]


class Blocks:
    """Writes the loops that fill the output; ``w`` holds the lines."""

    def __init__(self, w: Skeleton) -> None:
        self.w = w
        self.buffers = 0
        self.lines = self.most_lines = 0
        self.free: list[str] = []
        self.used: set[str] = set()
        self.places: dict[str, str] = {}
        self.depth = 0

    def fill(self, value: Value) -> None:
        """Fill the output from ``t`` to ``end``."""
        w, patches = self.w, []
        while isinstance(value, Node) and value.op == "patch":
            value, place, single = value.operands
            patches.append((place, single))
        if isinstance(value, Scalar):
            w.line(f"out[t - lo:end - lo] = {value.text}")
        else:
            self._array(value)
        for place, single in reversed(patches):
            self.patch(place, single)

    def patch(self, place: Scalar, single: Scalar) -> None:
        """Write a single value, if its place is in the range."""
        self.w.line(f"if t <= {place.text} < end: out[{place.text} - lo] = {single.text}")

    def _array(self, value: Value) -> None:
        w = self.w
        line = value if isinstance(value, Linear) else None
        scale, base, shift = (line.factor, line.base, line.shift) if line else (None, value, None)
        if not isinstance(base, Node) or base.op != "wave":
            self._loop(value)
            return
        steps, angle = base.operands
        one, other = (scale.text if scale else "1.0"), (shift.text if shift else "0.0")
        first = f"t + {steps.offset.text}" if steps.sign > 0 else f"{steps.offset.text} - t"
        w.line(f"if end - t >= {LONG}:")
        w.line(f"    wave(out[t - lo:end - lo], {first}, {steps.sign}, {angle.text}, {one}, {other}, waves, spare)")
        w.line("else:")
        with w.inside() as lines:
            self._loop(value)
        w.lines.extend(lines)

    def _loop(self, value: Value) -> None:
        w = self.w
        w.line("i = t")
        w.line("while i < end:")
        with w.inside() as lines:
            self.used, self.free = set(), [f"b{k + 1}" for k in reversed(range(self.buffers))]
            self.lines = 0
            result = self.array(value, "o", {})
            self.copied(result, "o")
            w.line("if spare is not None: out[i - lo:i - lo + n] = o")
            w.line(f"i += {BLOCK}")
        w.level += 1
        w.line("n = end - i")
        w.line(f"if n > {BLOCK}: n = {BLOCK}")
        w.line("o = out[i - lo:i - lo + n] if spare is None else spare[:n]")
        for name in sorted(self.used):
            w.line(f"{name} = whole_{name}[:n]")
        w.level -= 1
        w.lines.extend(lines)

    def copied(self, found: str, target: str) -> None:
        """Bring a result to its target, unless it was computed there."""
        if self.places.get(found) == target:
            self.w.line(f"if {found} is not {target}: {target}[...] = {found}")
        elif found != target:
            self.w.line(f"{target}[...] = {found}")

    # ---- buffers

    def take(self) -> str:
        """The name of a free block of floats."""
        if not self.free:
            self.buffers += 1
            self.free.append(f"b{self.buffers}")
        name = self.free.pop()
        self.used.add(name)
        return name

    def release(self, name: str) -> None:
        """Give a block back."""
        self.free.append(name)

    # ---- arrays

    def array(self, value: Value, target: str, done: Done) -> str:
        """Code for a value, in ``target`` if it needs a place; the name or literal of the result."""
        if isinstance(value, Scalar):
            return value.text
        if isinstance(value, Linear):
            return self._line(value, target, done)
        if id(value) in done:
            return done[id(value)]
        place = target if value.uses < 2 else self.take()
        found = self._steps(value, place) if isinstance(value, Affine) else self._node(value, place, done)
        if value.uses > 1:
            done[id(value)] = found
        return found

    def _steps(self, value: Affine, target: str) -> str:
        """Steps counted up or down: a slice of a table while they are small, else computed."""
        if not value.sign:
            factor = value.factor.text
            self.w.line(f"add_(mul_(ramp[:n], {factor}, {target}), {factor} * i + {value.offset.text}, {target})")
            return target
        name = self.w.name()
        self.places[name] = target
        if value.sign > 0:
            first = "i" if value.offset.value == 0 else f"i + {value.offset.text}"
            self.w.line(f"{name} = {first}")
            slices, computed = f"ramp[{name}:{name} + n]", f"add_(ramp[:n], {name}, {target})"
            self.w.line(f"{name} = {slices} if 0 <= {name} <= {BLOCK} - n else {computed}")
        else:
            self.w.line(f"{name} = {value.offset.text} - i")
            slices = f"down[{BLOCK - 1} - {name}:{BLOCK - 1} - {name} + n]"
            self.w.line(f"{name} = {slices} if n <= {name} + 1 <= {BLOCK} else sub_({name}, ramp[:n], {target})")
        return name

    def _line(self, value: Linear, target: str, done: Done) -> str:
        value = self._inward(value)
        base = value.base
        if isinstance(base, Node) and base.counts and id(base) not in done:
            holds, *sides = base.operands
            return self._sides(holds, [Linear(value.factor, side, value.shift) for side in sides], target, done)
        if self._tabled(value, done):
            return self._from_table(value, target)
        return self._scaled(self.array(base, target, done), value, target)

    def _scaled(self, base: str, value: Linear, target: str) -> str:
        """The factor and the shift of a line, applied."""
        factor, shift = value.factor, value.shift
        if factor.value == -1 and shift.value != 0:
            self.w.line(f"sub_({shift.text}, {base}, {target})")
            return target
        if factor.value != 1:
            self.w.line(f"mul_({base}, {factor.text}, {target})")
            base = target
        if shift.value != 0:
            self.w.line(f"add_({base}, {shift.text}, {target})")
            base = target
        return base

    def _tabled(self, value: Linear, done: Done) -> bool:
        """Whether a line is worth a table of what it gains within a block."""
        base = value.base
        if not isinstance(base, Affine) or not base.sign or value.factor.value in (1, -1) or self.lines >= LINES:
            return False
        return value.factor.most < LARGEST and (value.shift.value != 0 or id(base) not in done)

    def _from_table(self, value: Linear, target: str) -> str:
        """A line in one addition a block: what it gains within the block, and its least distance from where it is 0.

        Both have the same sign, so that nothing cancels. Steps that are in the table of steps are multiplied.
        """
        w, base = self.w, value.base
        assert isinstance(base, Affine)
        self.lines += 1
        self.most_lines = max(self.lines, self.most_lines)
        line, made, least, up = f"line{self.lines}", f"made{self.lines}", w.name(), base.sign > 0
        factor, shift = value.factor.text, "" if value.shift.value == 0 else f" + {value.shift.text}"
        w.line(f"{least} = " + (f"i + {base.offset.text}" if up else f"{base.offset.text} - i - n + 1"))
        w.line(f"if 0 <= {least} <= {BLOCK} - n:")
        with w.inside() as lines:
            ends = f"{least}:{least} + n" if up else f"{BLOCK} - n - {least}:{BLOCK} - {least}"
            self._scaled(f"{'ramp' if up else 'down'}[{ends}]", value, target)
        w.lines.extend(lines)
        w.line(f"elif {least} > 0 and end - t > {BLOCK}:")
        with w.inside() as lines:
            table = f"mul_({'ramp' if up else 'down'}, {factor}, {line})"
            w.line(f"if {made} != t: {line}, {made} = {table}, t")
            w.line(f"add_({line}[{':n' if up else '-n:'}], {least} * {factor}{shift}, {target})")
        w.lines.extend(lines)
        w.line("else:")
        with w.inside() as lines:
            steps = f"add_(ramp[:n], {least}, {target})" if up else f"sub_({least} + n - 1, ramp[:n], {target})"
            self._scaled(steps, value, target)
        w.lines.extend(lines)
        return target

    def _inward(self, value: Linear) -> Linear:
        """A multiple of a product or quotient as one of its first operand, where that is a multiple itself."""
        base = value.base
        if not isinstance(base, Node) or base.op not in ("mul", "div") or base.uses > 1 or value.factor.value == 1:
            return value
        first = base.operands[0]
        if not isinstance(first, Linear) or first.shift.value != 0 or not tame(first.factor, value.factor):
            return value
        factor = times(self.w, first.factor, value.factor)
        inner = Node(base.op, (Linear(factor, first.base, first.shift), *base.operands[1:]), base.uses)
        return Linear(ONE, inner, value.shift)

    def _node(self, node: Node, target: str, done: Done) -> str:
        self.depth += 1
        if self.depth > DEEP:
            raise UnfitError
        found = self._written(node, target, done)
        self.depth -= 1
        return found

    def _written(self, node: Node, target: str, done: Done) -> str:
        if node.op in SPECIAL:
            found: str = getattr(self, f"_{node.op}")(node, target, done)
            return found
        if node.op == "real":
            return self.array(node.operands[0], target, done)
        operands, taken = [], []
        place = target if node.op in IN_PLACE else ""
        for operand in node.operands:
            if isinstance(operand, str):
                operands.append(operand)
                continue
            if not place:
                place = self.take()
                taken.append(place)
            operands.append(self.array(operand, place, done))
            if self.places.get(operands[-1], operands[-1]) == place:
                place = ""
        for name in taken:
            self.release(name)
        text = ", ".join(operands)
        if node.op in IN_PLACE:
            named_out = "out=" if node.op in ("minimum", "maximum") else ""
            self.w.line(f"{node.op}_({text}, {named_out}{target})")
            return target
        name = self.w.name()
        self.w.line(f"{name} = {node.op}_({text})")
        return name

    def _wave(self, node: Node, target: str, done: Done) -> str:
        steps, angle = node.operands
        with self.w.inside() as direct:
            self.w.line(f"sin_(mul_({self._steps(steps, target)}, {angle.text}, {target}), {target})")
            self.w.line(f"mul_({target}, {target}, {target})")
        self.w.line(f"if n < {LONG}:")
        self.w.lines.extend(direct)
        first = f"i + {steps.offset.text}" if steps.sign > 0 else f"{steps.offset.text} - i"
        self.w.line(f"else: wave({target}, {first}, {steps.sign}, {angle.text}, 1.0, 0.0, waves, None)")
        return target

    def _patch(self, node: Node, target: str, done: Done) -> str:
        inner, place, single = node.operands
        self.copied(self.array(inner, target, done), target)
        self.w.line(f"if i <= {place.text} < i + n: {target}[{place.text} - i] = {single.text}")
        return target

    def _hold(self, node: Node, target: str, done: Done) -> str:
        name, a, over = node.operands
        self.w.line(f"{name}.fill({a.factor.text}, {a.offset.text}, {over.text}, i, end, {target})")
        return target

    def _cycle(self, node: Node, target: str, done: Done) -> str:
        values, a = node.operands
        name = self.w.name()
        self.w.line(f"{name} = {values}.read(i + {a.offset.text}, n)")
        return name

    def _choice(self, node: Node, target: str, done: Done) -> str:
        holds, *sides = node.operands
        return self._sides(holds, sides, target, done)

    def _sides(self, holds: Scalar, sides: list[Value], target: str, done: Done) -> str:
        """The first value where the condition holds, else the second."""
        before, most, found, written = self.lines, self.lines, [], []
        for side in sides:
            free, self.lines = list(self.free), before
            with self.w.inside() as lines:
                found.append(self.array(side, target, dict(done)))
            self.free = [b for b in self.free if b in free]
            most = max(most, self.lines)
            written.append(lines)
        self.lines = most
        alike = found[0] == found[1]
        name = found[0] if alike else self.w.name()
        for opening, lines, result in zip((f"if {holds.text}:", "else:"), written, found, strict=True):
            self.w.line(opening)
            self.w.lines.extend(lines or (["    " * (self.w.level + 1) + "pass"] if alike else []))
            if not alike:
                self.w.lines.append("    " * (self.w.level + 1) + f"{name} = {result}")
        if not alike:
            self.places[name] = target
        return name

    def _call(self, node: Node, target: str, done: Done) -> str:
        function, t, *values = node.operands
        numbers = ", ".join(self.array(value, self.take(), done) for value in values)
        steps = self.array(t, target, done)
        name = self.w.name()
        self.w.line(f"{name} = call_({function}({numbers}), copy({steps}))")
        return name
