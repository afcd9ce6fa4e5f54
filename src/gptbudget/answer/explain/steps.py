"""Turn traced numbers into steps: one formula per named number, inputs before results.

A number is named by its place in the answer, or in the record that it is a field of. If a formula
is too long to read, parts without a name are split off and named after their function.
"""

import inspect
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache, reduce
from keyword import iskeyword
from pathlib import Path
from typing import Literal, NamedTuple

from gptbudget.answer.explain.traced import LEAF, NEGATIVE, NUMBER, Traced
from gptbudget.catalog.yamlfile import read_yaml

Origin = Literal["given", "scenario", "driver", "catalog", "default", "assumed", "computed"]
"""Where a value comes from; ``assumed``: no option sets it; ``computed``: by an earlier step."""

ABOVE = "a step above"
_AGREES = 1e-9
_READABLE = 16
"""The most numbers that a formula may show before it is split."""

_SHORT = 2
"""A part with at most this many numbers is not split off."""

_SMALL = 1e4
"""Constants below this value occur in many formulas and are never replaced by a name."""

_RANK = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2, "%": 2, NEGATIVE: 3, "**": 4}
_WHOLE = 5
_BOUND_LEFT = frozenset({"-", "/", "//", "%", "*"})
"""Operations that need brackets around a right operand of the same rank."""

_UNITS = (
    (r"gb_per_s", "GB/s"),
    (r"_gib$", "GiB"),
    (r"tflops", "TFLOP/s"),
    (r"flops_per_s", "FLOP/s"),
    (r"tokens_per_s", "tokens/s"),
    (r"bytes_per_s", "B/s"),
    (r"^memory\.(?!rank)|^rank\.(?!placement|states\.(trained|weight_b))|(^|_)bytes", "B"),
    (r"^time\.(?!by_stack|profile|utilization)|_s(_\d+)?$|(^|\.)s_per_", "s"),
    (r"flops", "FLOP"),
    (r"(^|\.|_)tokens(_\d+)?$", "tokens"),
    (r"(^|\.)usd$|_usd$", "USD"),
    (r"usd_per_hour$", "USD/h"),
    (r"g_per_kwh$", "g/kWh"),
    (r"_w$", "W"),
    (r"_hours$", "h"),
    (r"_kwh$", "kWh"),
    (r"_kg$", "kg"),
)
"""Units by a pattern in the name; the first match wins."""


class Input(NamedTuple):
    """An input of a step: a named number with its unit and origin."""

    name: str
    value: float
    unit: str
    origin: Origin
    source: str


class Step(NamedTuple):
    """One computed number: its formula, value, unit, source and inputs."""

    section: str
    name: str
    formula: str
    with_numbers: str
    value: float
    unit: str
    source: str
    inputs: tuple[Input, ...]


class Term(NamedTuple):
    """A part of a formula."""

    number: Traced
    size: int
    """How many numbers its formula shows."""
    times: int
    """How often it occurs in the whole formula."""
    is_result: bool
    """It is the return value of a function: every use of it is in another function."""


@cache
def citations() -> dict[str, str]:
    """Return the citations, by the name of a number or of the total that it is a part of."""
    lines = read_yaml(Path(__file__).with_name("sources.yaml"), keep=True).data
    return {name: cited for names, cited in lines.items() for name in names.split()}


@cache
def unit_of(name: str) -> str:
    """Return the unit of a number, derived from its name."""
    return next((unit for pattern, unit in _UNITS if re.search(pattern, name)), "")


class Explanation:
    """Collects a step for each named number, after the steps it depends on."""

    def __init__(
        self,
        leaves: Mapping[str, Input],
        numbers: Mapping[str, Traced],
        sections: Mapping[str, str],
    ) -> None:
        """``leaves`` are inputs, ``numbers`` computed ones, ``sections`` the section of some."""
        self.steps: list[Step] = []
        self._leaves, self._sections = leaves, sections
        self._numbers: dict[str, Traced] = {}
        self._names: dict[int, str] = {}
        self._written: set[str] = set()
        for name, number in numbers.items():
            self._name(name, number)

    def state(self, name: str, figure: float) -> None:
        """Append the steps that compute ``name``, which must equal ``figure`` of the answer."""
        value = self._numbers[name].value
        assert math.isclose(value, figure, rel_tol=_AGREES), (name, value, figure)
        if name not in self._written:
            self._write("", name)

    def _name(self, name: str, number: Traced) -> None:
        self._numbers[name] = number
        small = number.operation == NUMBER and number.value < _SMALL
        if number.operation != LEAF and not small:
            self._names.setdefault(id(number), name)

    def _write(self, section: str, name: str) -> None:
        """Append a step to its own section, or to the section of the step that needs it."""
        self._written.add(name)
        section = self._sections.get(name) or self._sections.get(name.partition(".")[0], section)
        number = self._numbers[name]
        if number.operation in {LEAF, NUMBER}:
            self.steps.append(self._taken(section, name, number))
            return
        names = dict(self._names)
        if names.get(id(number)) == name:
            del names[id(number)]
        self._split(number, names)
        needed = {known: each for each, known in _named_inputs(number, names)}
        for known in needed:
            if known not in self._leaves and known not in self._written:
                self._write(section, known)
        self.steps.append(
            Step(
                section,
                name,
                written(number, names, lambda _, known: known),
                written(number, names, lambda each, _: repr(each.value)),
                number.value,
                unit_of(name),
                _source(name, number),
                tuple(self._input(known, each) for known, each in needed.items()),
            )
        )

    def _taken(self, section: str, name: str, number: Traced) -> Step:
        """A number of the answer that is not computed."""
        value, leaf = number.value, self._leaves.get(number.name)
        source = f"{leaf.origin}: {leaf.source}" if leaf else _cited(name) or "a constant"
        return Step(section, name, repr(value), repr(value), value, unit_of(name), source, ())

    def _split(self, number: Traced, names: dict[int, str]) -> None:
        """Name parts of a formula until it is short enough, those first that shorten it most."""
        while True:
            terms = _terms(number, names)
            if terms.pop(id(number)).size <= _READABLE:
                return
            term = max((each for each in terms.values() if each.size <= _READABLE), key=_savings)
            name = re.sub(r"(^|\.)_", r"\1", term.number.function)
            self._name(self._unused(name if term.is_result else f"{name}.part"), term.number)
            names[id(term.number)] = self._names[id(term.number)]

    def _unused(self, name: str) -> str:
        """Return ``name``, or ``name_2``, ``name_3``, ... if it is taken."""
        taken, place, unused = {*self._numbers, *self._leaves}, 1, name
        while unused in taken or iskeyword(unused):
            place, unused = place + 1, f"{name}_{place + 1}"
        return unused

    def _input(self, name: str, number: Traced) -> Input:
        return self._leaves.get(name) or Input(name, number.value, unit_of(name), "computed", ABOVE)


def _cited(name: str) -> str | None:
    """Return the citation of a number, or of the total that it is a part of."""
    return citations().get(name) or citations().get(name.rpartition(".")[0])


def _source(name: str, number: Traced) -> str:
    """Return the citation of a formula, else its function and the summary of its docstring."""
    cited, place = _cited(name), number.place
    if cited is not None or place is None:
        return cited or ""
    function = reduce(getattr, place.function.split("."), sys.modules[place.module])
    text = inspect.getdoc(getattr(function, "fget", function)) or ""
    summary = " ".join(text.partition("\n\n")[0].split())
    where = f"{place.module.removeprefix('gptbudget.')}.{place.function}"
    return f"{where}: {summary}" if summary else where


def written(of: Traced, names: Mapping[int, str], say: Callable[[Traced, str], str]) -> str:
    """Return the formula of a number as text. ``say`` writes each named number in it.

    ``names`` maps the ``id`` of each named number to its name.
    """
    return _written(of, names, say)[0]


def _written(
    of: Traced, names: Mapping[int, str], say: Callable[[Traced, str], str]
) -> tuple[str, int]:
    name = _name(of, names)
    if name or of.operation == NUMBER:
        text = say(of, name) if name else repr(of.value)
        return text, _WHOLE if of.value >= 0 else _RANK[NEGATIVE]
    rank = _RANK[of.operation]
    inner = [_written(each, names, say) for each in of.operands]
    if of.operation == NEGATIVE:
        return f"-{_bracketed(*inner[0], rank)}", rank
    left = _bracketed(*inner[0], rank + (of.operation == "**"))
    right = _bracketed(*inner[1], rank + (of.operation in _BOUND_LEFT))
    return f"{left} {of.operation} {right}", rank


def _bracketed(text: str, rank: int, least: int) -> str:
    return text if rank >= least else f"({text})"


def _name(of: Traced, names: Mapping[int, str]) -> str:
    return of.name if of.operation == LEAF else names.get(id(of), "")


def _named_inputs(of: Traced, names: Mapping[int, str]) -> Iterator[tuple[Traced, str]]:
    """Yield each named number in a formula with its name, from left to right."""
    name = _name(of, names)
    if name:
        yield of, name
    else:
        for operand in of.operands:
            yield from _named_inputs(operand, names)


def _terms(of: Traced, names: Mapping[int, str]) -> dict[int, Term]:
    """Return the unnamed parts of a formula, keyed by ``id``."""
    terms: dict[int, Term] = {}

    def size(part: Traced, above: Traced | None) -> int:
        if part.operation in {LEAF, NUMBER} or _name(part, names):
            return 1
        gave = above is None or above.function != part.function
        known = terms.get(id(part))
        if known is None:
            known = Term(part, sum(size(each, part) for each in part.operands), 0, is_result=True)
        terms[id(part)] = Term(part, known.size, known.times + 1, known.is_result and gave)
        return known.size

    size(of, None)
    return terms or {id(of): Term(of, 1, 0, is_result=False)}


def _savings(of: Term) -> tuple[bool, int]:
    """Return how much a name shortens the formula; results of functions come first."""
    return of.is_result and of.size > _SHORT, (of.size - 1) * of.times
