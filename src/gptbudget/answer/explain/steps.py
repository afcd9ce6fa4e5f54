"""Where named numbers and steps are written down, and steps put in the order of their use."""

import math
from collections.abc import Iterable
from itertools import count
from typing import Any, NamedTuple

from gptbudget.answer.explain.formula import met, terms, written
from gptbudget.answer.explain.step import Input, Origin, Step
from gptbudget.answer.explain.traced import LEAF, NUMBER, Traced, Tracing
from gptbudget.core.arrays import added

_AGREES = 1e-9
_ABOVE = "a step above"
_READABLE = 16
"""Numbers in a formula."""

_FOREIGN = {
    "B": ("FLOP/token", "FLOP", "s"),
    "FLOP/token": ("B",),
    "s": ("FLOP/token",),
    "": ("FLOP/token", "B"),
}
"""By the unit of a step, units of numbers that cannot be in it, though they were computed alike."""


class _Defined(NamedTuple):
    """A number that has a name of its own, and becomes a step where another one needs it."""

    name: str
    number: Traced
    unit: str
    source: str
    shown: Traced
    """The same number, as the sum of others that have names."""


class Book:
    """The inputs and steps of one explanation."""

    def __init__(self) -> None:
        self.tracing = Tracing()
        self.inputs: dict[str, Input] = {}
        self.steps: list[Step] = []
        self._defined: dict[str, _Defined] = {}
        self._said: set[str] = set()

    def take(
        self,
        name: str,
        value: Any,
        unit: str,
        origin: Origin,
        source: str = "",
        *,
        kept: bool = False,
    ) -> Traced:
        """A number that comes from outside; a name is one number only."""
        known = self.inputs.setdefault(name, Input(name, value, unit, origin, source))
        assert known.value == value, (name, known.value, value)
        return self.tracing.leaf(name, value, kept=kept)

    def define(self, name: str, number: Any, unit: str, source: str, parts: Any = ()) -> Any:
        """Give a computed number a name, by which later formulas call it.

        It may be said as the sum of its ``parts``.
        """
        if isinstance(number, Traced) and number.operation not in {LEAF, NUMBER}:
            whole = added(parts)
            said = isinstance(whole, Traced) and self._agree(whole.value, number.value)
            shown = whole if said else number
            self._defined.setdefault(name, _Defined(name, number, unit, source, shown))
        return number

    def state(
        self,
        section: str,
        name: str,
        number: Any,
        unit: str,
        source: str,
        figure: Any,
        *,
        parts: Iterable[Any] = (),
    ) -> Traced:
        """Write a step down, after all that it needs; it must come to the ``figure`` answered.

        A sum may be said by the steps that are its ``parts``. The answer stands for the step in
        such a sum.
        """
        self.define(name, number, unit, source)
        shown: Any = added(parts) or number
        if not isinstance(shown, Traced) or shown.operation == NUMBER:
            shown = self.take(f"assumed_{name}", shown * 1, unit, "assumed", source)
        assert self._agree(shown.value, figure), (name, shown.value, figure)
        if name not in self._said:
            self._write(section, _Defined(name, shown, unit, source, shown))
        return self.take(name, shown.value, unit, "computed", _ABOVE)

    def _write(self, section: str, defined: _Defined) -> None:
        self._said.add(defined.name)
        number, names = defined.shown, self._split(defined)
        needed = {name: each for each, name in met(number, names)}
        for name in needed:
            if name in self._defined and name not in self._said:
                self._write(section, self._defined[name])
        self.steps.append(
            Step(
                section,
                defined.name,
                written(number, names, lambda _, name: name),
                written(number, names, lambda each, _: repr(each.value)),
                number.value,
                defined.unit,
                defined.source,
                tuple(self._input(each, name) for name, each in needed.items()),
            )
        )

    @staticmethod
    def _agree(one: float, other: float) -> bool:
        return math.isclose(one, other, rel_tol=_AGREES)

    def _split(self, defined: _Defined) -> dict[int, str]:
        """Name terms of a formula that is too long to read, those first that stand there often."""
        for place in count(1):
            names = self._names_in(defined)
            found = terms(defined.shown, names)
            _, size, _ = found.pop(id(defined.shown))
            if size <= _READABLE:
                return names
            fitting = [each for each in found.values() if each[1] <= _READABLE]
            term, _, _ = max(fitting, key=lambda each: (each[1] - 1) * each[2])
            same = all(above in {"+", "-"} for above in self._above(defined.shown, term))
            unit = defined.unit if same else ""
            self.define(f"{defined.name}_term_{place}", term, unit, defined.source)
        raise AssertionError

    def _names_in(self, defined: _Defined) -> dict[int, str]:
        """What may be called by its name in a formula: the first name that is of its kind."""
        names: dict[int, str] = {}
        for each in self._defined.values():
            if each.unit not in _FOREIGN.get(defined.unit, ()):
                names.setdefault(id(each.number), each.name)
        return names

    def _above(self, root: Traced, term: Traced) -> list[str]:
        """The operations between a formula and a term of it."""
        for operand in root.operands:
            if operand is term:
                return [root.operation]
            below = self._above(operand, term)
            if below:
                return [root.operation, *below]
        return []

    def _input(self, number: Traced, name: str) -> Input:
        if number.operation == LEAF and name not in self._defined:
            return self.inputs[name]
        return Input(name, number.value, self._defined[name].unit, "computed", _ABOVE)
