"""The loops that fill the output: arithmetic on arrays in place, tile by tile, each a block that stays in cache.

All is written into the scalar code, once for each leaf of its conditions; ``out`` and ``o`` are the output and the
block of it, ``t`` to ``end`` the range, ``i`` and ``n`` the first step and the length of the block.
"""

from __future__ import annotations

import numpy as np

from lrsched.sampling.scalar_code import ScalarCode
from lrsched.sampling.scalar_operations import stays_normal, times
from lrsched.sampling.values import LARGEST, ONE, Affine, ArrayOp, Line, Scalar, UnfitError, Value
from lrsched.targets._numpy import OPERATIONS

__all__ = ["BLOCK", "LONG", "Blocks"]

BLOCK = 16_384
LONG = 4_096
LINES = 4  # tables of lines at once: with the output and the buffers they have to stay in cache
DEEP = 150  # operations inside operations; deeper ones are left to the code for arrays, which is not nested
LOGICAL = (np.less, np.less_equal, np.equal)
IN_PLACE = frozenset(op for op, f in OPERATIONS.items() if isinstance(f, np.ufunc) and f.nout == 1 and f not in LOGICAL)
SPECIAL = frozenset({"wave", "patch", "choice", "call", "hold", "cycle"})
Done = dict[int, str]


class Blocks:
    """Writes the loops that fill the output into ``code``, and counts the buffers and tables that they take.

    ``buffer_of`` says where a variable may lie that is either a slice of a table or computed in a buffer.
    """

    def __init__(self, code: ScalarCode) -> None:
        self.code = code
        self.buffers = 0
        self.lines = self.most_lines = 0
        self.free: list[str] = []
        self.used: set[str] = set()
        self.buffer_of: dict[str, str] = {}
        self.depth = 0

    def fill(self, value: Value) -> None:
        """Fill the output from ``t`` to ``end``."""
        if isinstance(value, Scalar):
            self.code.line(f"out[t - lo:end - lo] = {value.text}")
        else:
            self._array(value)

    def patch(self, step: Scalar, single: Scalar) -> None:
        """Write a single value, if its step is in the range."""
        self.code.line(f"if t <= {step.text} < end: out[{step.text} - lo] = {single.text}")

    def _array(self, value: Value) -> None:
        """A wave in one call where it is long; all else, block by block."""
        code = self.code
        line = value if isinstance(value, Line) else None
        scale, base, shift = (line.factor, line.base, line.shift) if line else (None, value, None)
        if not isinstance(base, ArrayOp) or base.op != "wave":
            self._loop(value)
            return
        steps, angle = base.operands
        one, other = (scale.text if scale else "1.0"), (shift.text if shift else "0.0")
        first = f"t + {steps.offset.text}" if steps.sign > 0 else f"{steps.offset.text} - t"
        code.line(f"if end - t >= {LONG}:")
        code.line(f"    wave(out[t - lo:end - lo], {first}, {steps.sign}, {angle.text}, {one}, {other}, waves, spare)")
        with code.under("else:"):
            self._loop(value)

    def _loop(self, value: Value) -> None:
        """The loop over blocks; what it takes is known, and written before, when its arithmetic is."""
        code = self.code
        code.line("i = t")
        code.line("while i < end:")
        with code.inside() as lines:
            self.used, self.free = set(), [f"b{k + 1}" for k in reversed(range(self.buffers))]
            self.lines = 0
            result = self.array(value, "o", {})
            self.copied(result, "o")
            code.line("if spare is not None: out[i - lo:i - lo + n] = o")
            code.line(f"i += {BLOCK}")
        code.level += 1
        code.line("n = end - i")
        code.line(f"if n > {BLOCK}: n = {BLOCK}")
        code.line("o = out[i - lo:i - lo + n] if spare is None else spare[:n]")
        for name in sorted(self.used):
            code.line(f"{name} = whole_{name}[:n]")
        code.level -= 1
        code.lines.extend(lines)

    def copied(self, found: str, target: str) -> None:
        """Bring a result to its target, unless it was computed there."""
        if self.buffer_of.get(found) == target:
            self.code.line(f"if {found} is not {target}: {target}[...] = {found}")
        elif found != target:
            self.code.line(f"{target}[...] = {found}")

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
        """Code for a value, in the buffer ``target`` if it needs one; the name or literal of the result."""
        if isinstance(value, Scalar):
            return value.text
        if isinstance(value, Line):
            return self._line(value, target, done)
        if id(value) in done:
            return done[id(value)]
        buffer = target if value.uses < 2 else self.take()
        found = self._steps(value, buffer) if isinstance(value, Affine) else self._operation(value, buffer, done)
        if value.uses > 1:
            done[id(value)] = found
        return found

    def _steps(self, value: Affine, target: str) -> str:
        """Steps counted up or down: a slice of a table while they are small, else computed."""
        if not value.sign:
            factor = value.factor.text
            self.code.line(f"add_(mul_(ramp[:n], {factor}, {target}), {factor} * i + {value.offset.text}, {target})")
            return target
        name = self.code.name()
        self.buffer_of[name] = target
        if value.sign > 0:
            first = "i" if value.offset.value == 0 else f"i + {value.offset.text}"
            self.code.line(f"{name} = {first}")
            slices, computed = f"ramp[{name}:{name} + n]", f"add_(ramp[:n], {name}, {target})"
            self.code.line(f"{name} = {slices} if 0 <= {name} <= {BLOCK} - n else {computed}")
        else:
            self.code.line(f"{name} = {value.offset.text} - i")
            slices = f"down[{BLOCK - 1} - {name}:{BLOCK - 1} - {name} + n]"
            self.code.line(f"{name} = {slices} if n <= {name} + 1 <= {BLOCK} else sub_({name}, ramp[:n], {target})")
        return name

    def _line(self, value: Line, target: str, done: Done) -> str:
        """A multiple and a shift: of steps from a table, of either side of a choice, or of what is computed first."""
        value = self._inward(value)
        base = value.base
        if isinstance(base, ArrayOp) and base.counts and id(base) not in done:
            holds, *sides = base.operands
            return self._sides(holds, [Line(value.factor, side, value.shift) for side in sides], target, done)
        if self._tabled(value, done):
            return self._from_table(value, target)
        return self._scaled(self.array(base, target, done), value, target)

    def _scaled(self, base: str, value: Line, target: str) -> str:
        """The factor and the shift of a line, applied."""
        factor, shift = value.factor, value.shift
        if factor.value == -1 and shift.value != 0:
            self.code.line(f"sub_({shift.text}, {base}, {target})")
            return target
        if factor.value != 1:
            self.code.line(f"mul_({base}, {factor.text}, {target})")
            base = target
        if shift.value != 0:
            self.code.line(f"add_({base}, {shift.text}, {target})")
            base = target
        return base

    def _tabled(self, value: Line, done: Done) -> bool:
        """Whether a line is worth a table of what it gains within a block."""
        base = value.base
        if not isinstance(base, Affine) or not base.sign or value.factor.value in (1, -1) or self.lines >= LINES:
            return False
        return value.factor.most < LARGEST and (value.shift.value != 0 or id(base) not in done)

    def _from_table(self, value: Line, target: str) -> str:
        """A line in one addition a block: what it gains within the block, and its least distance from where it is 0.

        Both have the same sign, so that nothing cancels. Steps that are in the table of steps are multiplied.
        """
        code, base = self.code, value.base
        assert isinstance(base, Affine)
        self.lines += 1
        self.most_lines = max(self.lines, self.most_lines)
        line, made, least, up = f"line{self.lines}", f"made{self.lines}", code.name(), base.sign > 0
        factor, shift = value.factor.text, "" if value.shift.value == 0 else f" + {value.shift.text}"
        code.line(f"{least} = " + (f"i + {base.offset.text}" if up else f"{base.offset.text} - i - n + 1"))
        with code.under(f"if 0 <= {least} <= {BLOCK} - n:"):
            ends = f"{least}:{least} + n" if up else f"{BLOCK} - n - {least}:{BLOCK} - {least}"
            self._scaled(f"{'ramp' if up else 'down'}[{ends}]", value, target)
        with code.under(f"elif {least} > 0 and end - t > {BLOCK}:"):
            table = f"mul_({'ramp' if up else 'down'}, {factor}, {line})"
            code.line(f"if {made} != t: {line}, {made} = {table}, t")
            code.line(f"add_({line}[{':n' if up else '-n:'}], {least} * {factor}{shift}, {target})")
        with code.under("else:"):
            steps = f"add_(ramp[:n], {least}, {target})" if up else f"sub_({least} + n - 1, ramp[:n], {target})"
            self._scaled(steps, value, target)
        return target

    def _inward(self, value: Line) -> Line:
        """A multiple of a product or quotient as one of its first operand, where that is a multiple itself."""
        base = value.base
        if not isinstance(base, ArrayOp) or base.op not in ("mul", "div") or base.uses > 1 or value.factor.value == 1:
            return value
        first = base.operands[0]
        if not isinstance(first, Line) or first.shift.value != 0 or not stays_normal(first.factor, value.factor):
            return value
        factor = times(self.code, first.factor, value.factor)
        inner = ArrayOp(base.op, (Line(factor, first.base, first.shift), *base.operands[1:]), base.uses)
        return Line(ONE, inner, value.shift)

    def _operation(self, operation: ArrayOp, target: str, done: Done) -> str:
        """Code for an operation on arrays, not too deep inside others."""
        self.depth += 1
        if self.depth > DEEP:
            raise UnfitError
        found = self._written(operation, target, done)
        self.depth -= 1
        return found

    def _written(self, operation: ArrayOp, target: str, done: Done) -> str:
        """Code for an operation: a method of its own, or the table of operations, in place where that can be."""
        if operation.op in SPECIAL:
            found: str = getattr(self, f"_{operation.op}")(operation, target, done)
            return found
        if operation.op == "real":
            return self.array(operation.operands[0], target, done)
        operands, taken = [], []
        buffer = target if operation.op in IN_PLACE else ""
        for operand in operation.operands:
            if isinstance(operand, str):
                operands.append(operand)
                continue
            if not buffer:
                buffer = self.take()
                taken.append(buffer)
            operands.append(self.array(operand, buffer, done))
            if self.buffer_of.get(operands[-1], operands[-1]) == buffer:
                buffer = ""
        for name in taken:
            self.release(name)
        text = ", ".join(operands)
        if operation.op in IN_PLACE:
            named_out = "out=" if operation.op in ("minimum", "maximum") else ""
            self.code.line(f"{operation.op}_({text}, {named_out}{target})")
            return target
        name = self.code.name()
        self.code.line(f"{name} = {operation.op}_({text})")
        return name

    def _wave(self, operation: ArrayOp, target: str, done: Done) -> str:
        """The square of a sine: by angle addition in long blocks."""
        steps, angle = operation.operands
        with self.code.under(f"if n < {LONG}:"):
            self.code.line(f"sin_(mul_({self._steps(steps, target)}, {angle.text}, {target}), {target})")
            self.code.line(f"mul_({target}, {target}, {target})")
        first = f"i + {steps.offset.text}" if steps.sign > 0 else f"{steps.offset.text} - i"
        self.code.line(f"else: wave({target}, {first}, {steps.sign}, {angle.text}, 1.0, 0.0, waves, None)")
        return target

    def _patch(self, operation: ArrayOp, target: str, done: Done) -> str:
        """An array with a single value at one step."""
        inner, step, single = operation.operands
        self.copied(self.array(inner, target, done), target)
        self.code.line(f"if i <= {step.text} < i + n: {target}[{step.text} - i] = {single.text}")
        return target

    def _hold(self, operation: ArrayOp, target: str, done: Done) -> str:
        """What repeats in holds, spread."""
        name, a, over = operation.operands
        self.code.line(f"{name}.fill({a.factor.text}, {a.offset.text}, {over.text}, i, end, {target})")
        return target

    def _cycle(self, operation: ArrayOp, target: str, done: Done) -> str:
        """What repeats in cycles: a slice of its table."""
        values, a = operation.operands
        name = self.code.name()
        self.code.line(f"{name} = {values}.read(i + {a.offset.text}, n)")
        return name

    def _choice(self, operation: ArrayOp, target: str, done: Done) -> str:
        """The array of either side of a condition."""
        holds, *sides = operation.operands
        return self._sides(holds, sides, target, done)

    def _sides(self, holds: Scalar, sides: list[Value], target: str, done: Done) -> str:
        """The first value where the condition holds, else the second."""
        before, most, found, written = self.lines, self.lines, [], []
        for side in sides:
            free, self.lines = list(self.free), before
            with self.code.inside() as lines:
                found.append(self.array(side, target, dict(done)))
            self.free = [b for b in self.free if b in free]
            most = max(most, self.lines)
            written.append(lines)
        self.lines = most
        alike = found[0] == found[1]
        name = found[0] if alike else self.code.name()
        for opening, lines, result in zip((f"if {holds.text}:", "else:"), written, found, strict=True):
            self.code.line(opening)
            self.code.lines.extend(lines or (["    " * (self.code.level + 1) + "pass"] if alike else []))
            if not alike:
                self.code.lines.append("    " * (self.code.level + 1) + f"{name} = {result}")
        if not alike:
            self.buffer_of[name] = target
        return name

    def _call(self, operation: ArrayOp, target: str, done: Done) -> str:
        """A function of the user's, on a copy of the steps."""
        function, t, *values = operation.operands
        numbers = ", ".join(self.array(value, self.take(), done) for value in values)
        steps = self.array(t, target, done)
        name = self.code.name()
        self.code.line(f"{name} = call_({function}({numbers}), copy({steps}))")
        return name
