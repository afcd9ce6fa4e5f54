"""An explanation in words for the terminal, and as plain data."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

from gptbudget.answer.document import Document, Table
from gptbudget.answer.explain.step import Input, Step
from gptbudget.units import format_bytes, format_duration, format_usd

_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e[+-]?\d+)?")
_LONGEST_SOURCE = 120
_LONG = 1e12

_LEGEND = (
    "in an explanation x is times, ^ a power and // the whole part of a quotient; what is no whole "
    "number is shown in six digits, and in full in -o json"
)

_SHOWN: dict[str, Callable[[float], str]] = {
    "B": format_bytes,
    "s": format_duration,
    "USD": format_usd,
}


def steps_data(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Steps as plain data; ``with_numbers`` is arithmetic that any language evaluates."""
    return [
        {**step._asdict(), "inputs": [each._asdict() for each in step.inputs]} for step in steps
    ]


def with_steps(
    document: Document,
    steps: Sequence[Sequence[Step]],
    rows: str = "results",
    about: str = "",
) -> Document:
    """An answer with an explanation of its first rows, and that of the best in its tables.

    ``about`` says which one that is, where there are several.
    """
    data = document.data
    if data:
        found = [dict(row) for row in data[rows]]
        for row, each in zip(found, steps, strict=False):
            row["explanation"] = steps_data(each)
        data = {**data, rows: found}
    shown = steps[0] if steps else ()
    return shown_with(document._replace(data=data), shown, about)


def shown_with(document: Document, steps: Sequence[Step], about: str = "") -> Document:
    """A document with the tables of an explanation behind its own."""
    tables = (*document.tables, *step_tables(steps, about)) if document.tables else ()
    notes = (*document.notes, _LEGEND) if document.tables and steps else document.notes
    return document._replace(tables=tables, notes=notes)


def step_tables(steps: Sequence[Step], about: str = "") -> Iterator[Table]:
    """Where every number comes from, section by section, and all that was taken in."""
    explained = f"explained, {about}" if about else "explained"
    for section, those in groupby(steps, key=lambda step: step.section):
        rows = tuple((_step_text(step),) for step in those)
        yield Table(("",), rows, title=f"{explained}: {section}")
    taken = {each.name: each for step in steps for each in step.inputs}
    rows_of_inputs = tuple(
        (each.name, f"{_number(each.value)} {each.unit}".strip(), each.origin, _short(each.source))
        for each in taken.values()
        if each.origin != "computed"
    )
    if rows_of_inputs:
        columns = ("input", "value", "origin", "source")
        yield Table(columns, rows_of_inputs, title=f"{explained}: what was taken in")


def formula_tables(steps: Sequence[Step]) -> Iterator[Table]:
    """The same, section by section, with what is said of a number in cells of their own."""
    for section, those in groupby(steps, key=lambda step: step.section):
        rows = tuple(
            (step.name, "\n= ".join(_equations(step)), f"{step.source}{_marks(step.inputs)}")
            for step in those
        )
        yield Table(("number", "formula", "source"), rows, title=section)


def _step_text(step: Step) -> str:
    first, *others = _equations(step)
    lines = [f"{step.name} = {first}", *(f"  = {each}" for each in others)]
    return "\n".join((*lines, f"  {step.source}{_marks(step.inputs)}"))


def _equations(step: Step) -> Iterator[str]:
    """The formula, with its numbers where they are no single one, and what comes out."""
    yield _symbols(step.formula)
    if step.with_numbers != repr(step.value):
        yield _symbols(step.with_numbers)
    yield _result(step)


def _marks(inputs: Sequence[Input]) -> str:
    """What of a step was neither said nor computed."""
    said = [
        f"{origin}: {', '.join(names)}"
        for origin in ("default", "assumed")
        if (names := [each.name for each in inputs if each.origin == origin])
    ]
    return f" [{'; '.join(said)}]" if said else ""


def _result(step: Step) -> str:
    number = _number(step.value)
    shown = _SHOWN.get(step.unit)
    if shown is None:
        return f"{number} {step.unit}".strip()
    sign, size = ("-" if step.value < 0 else ""), abs(step.value)
    return f"{number} {step.unit}, {sign}{shown(size)}"


def _number(value: float) -> str:
    """Whole numbers as far as one reads them, others in six digits."""
    whole = value == int(value) and abs(value) < _LONG if math.isfinite(value) else False
    return f"{value:,.0f}" if whole else f"{value:.6g}"


def _six_digits(match: re.Match[str]) -> str:
    return _number(float(match[0])).replace(",", "")


def _symbols(formula: str) -> str:
    shown = formula.replace("**", "^").replace(" * ", " x ")
    return _NUMBER.sub(_six_digits, shown)


def _short(source: str) -> str:
    """The first of several sources, as far as a line goes."""
    first, *others = source.split(" ; ")
    if len(first) > _LONGEST_SOURCE:
        first = f"{first[:_LONGEST_SOURCE].rsplit(' ', 1)[0]} ..."
    return f"{first} and {len(others)} more" if others else first
