"""Add the output of ``--explain`` to an answer, as tables and as plain data."""

import difflib
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gptbudget.answer.document import Document, Table
from gptbudget.answer.explain.named import (
    NOTHING_CHOSEN,
    Explained,
    Quantity,
    explanation,
    plan_explanation,
)
from gptbudget.answer.explain.steps import ABOVE, Input, Step, citations
from gptbudget.answer.verdict import subject
from gptbudget.budget.budget import Plan
from gptbudget.budget.plan import CountPlan
from gptbudget.errors import UsageError
from gptbudget.run.estimate import Bill, Comparison, Estimate, unknown_memory
from gptbudget.run.run import FlopsAmount
from gptbudget.search.result import Fit, Way
from gptbudget.units import format_bytes, format_duration, format_usd

_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e[+-]?\d+)?")
_LONGEST_SOURCE, _LONGEST_FORMULA = 120, 48
_LONG = 1e12
_LONGEST_NAME = 60
_OF_OUTLINE = re.compile(r"[^.]+(\.parts)?(\.[^.]+)?")
"""Paths of the numbers in the outline, which has no memory phases and no other stacks."""

_SYMBOLS = (
    "in an explanation x is times, ^ a power and // the whole part of a quotient; numbers that are "
    "not whole are shown with six digits, in -o json with all"
)
_MORE = "for one number in full: --explain NAME, with a name from the first column"

_SHOWN: dict[str, Callable[[float], str]] = {
    "B": format_bytes,
    "s": format_duration,
    "USD": format_usd,
}


Result = Comparison | Bill | Fit | Plan | CountPlan
"""The result of a command that can be explained."""


def explained(document: Document, result: Result, name: str) -> Document:
    """Add the explanation to an answer: to its data, and as tables for the best row.

    Here and in the functions below, ``name`` selects one number; an empty string selects all.
    """
    if isinstance(result, Plan):
        plan = plan_explanation(result)
        data = {**document.data, "explanation": steps_data(steps_of(plan, name))}
        return _shown(document._replace(data=data), plan, name)
    key, about, rows = _rows(result, best_only=bool(document.tables))
    if document.data:
        explained_rows = list(document.data[key])
        for place, row in enumerate(rows):
            steps = steps_data(_steps_of_row(row, name, best=place == 0))
            explained_rows[place] = {**explained_rows[place], "explanation": steps}
        document = document._replace(data={**document.data, key: explained_rows})
    return _shown(document, rows[0], name, about) if rows else document


def _rows(
    result: Comparison | Bill | Fit | CountPlan, *, best_only: bool
) -> tuple[str, str, list[Explained]]:
    """The key of the rows in the data of an answer, what the best is called, and explanations."""
    if isinstance(result, Bill):
        sections = {"run", "model", "memory"}
        return "results", "", [explanation(result.estimate, NOTHING_CHOSEN, sections)]
    if isinstance(result, Fit):
        best = [*result.ways, *result.misses][:1]
        key, about = ("results", "way 1") if result.ways else ("misses", "the nearest miss")
        return key, about, [explanation(way.estimate, chosen_by_search(way)) for way in best]
    if isinstance(result, CountPlan):
        ways = [counted.way for counted in result.found]
        rows = [
            explanation(way.estimate, dict.fromkeys(way.changes, "chosen by plan")) for way in ways
        ]
        return "results", subject(ways[0].estimate), rows
    estimates = result.estimates
    about = subject(estimates[0]) if len(estimates) > 1 else ""
    shown = estimates[:1] if best_only else estimates
    return "results", about, [explanation(each) for each in shown]


def chosen_by_search(way: Way) -> dict[str, str]:
    """Return the options that the search set and the user did not, each with its reason."""
    run, host = way.estimate.run, way.candidate.host_bytes
    set_by_search = (name for name in run.values if run.asked(name) and name not in way.given)
    chosen = dict.fromkeys(set_by_search, "chosen by fit: it belongs to the best-ranked way")
    if host:
        chosen["host_memory"] = f"chosen by fit: the offload needs {format_bytes(host)}"
    return chosen


def steps_data(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Steps as plain data; ``with_numbers`` is arithmetic that any language evaluates."""
    return [
        {**step._asdict(), "inputs": [each._asdict() for each in step.inputs]} for step in steps
    ]


def steps_of(of: Explained, name: str) -> list[Step]:
    """Return the steps to the number ``name``, which is the last; all steps if it is empty.

    Raises:
        UsageError: there is no such number, or it is not known.
    """
    if not name:
        return of.steps
    wanted = {_formula_name(of, name)}
    for step in reversed(of.steps):
        if step.name in wanted:
            wanted |= {each.name for each in step.inputs if each.source == ABOVE}
    return [step for step in of.steps if step.name in wanted]


def _formula_name(of: Explained, name: str) -> str:
    """Return the name that the requested number has in formulas."""
    names = {step.name: Quantity(step.name, step.name, step.value) for step in of.steps}
    ends = [each.path.rpartition(".")[2] for each in of.quantities]
    for each, end in zip(of.quantities, ends, strict=True):
        ways = (each.name, each.path, each.path.replace(".parts.", "."))
        names |= dict.fromkeys(ways + ((end,) if ends.count(end) == 1 else ()), each)
    asked = names.get(name)
    if asked is not None and asked.value is not None:
        return asked.name
    what = f"--explain {name if len(name) <= _LONGEST_NAME else f'{name[:_LONGEST_NAME]}...'}: "
    path = asked.path if asked is not None else _part_of_answer(of, name)
    if path is not None and of.estimate is not None:
        why, hint = _why_unknown(of.estimate, path)
        raise UsageError(f"{what}{why}", hint)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    raise UsageError(
        f"{what}this answer has no number of that name",
        f"the nearest are {', '.join(near)}" if near else "--explain lists them",
    )


def _part_of_answer(of: Explained, name: str) -> str | None:
    """The path of a part of memory or time that this answer does not have; ``None`` of others."""
    section, _, part = name.partition(".")
    is_asked = section in {each.section for each in of.quantities}
    if section not in {"memory", "time"} or name not in citations() or not is_asked:
        return None
    return f"{section}.parts.{part}"


_OF_TIME = frozenset({"compute.available_flops", "compute.ratio"})
_UNKNOWN = {
    "memory.usable_bytes": ("the memory of this card is not known", "give --gpu-memory"),
    "memory.accumulated_bytes": (
        "gradient accumulation needs no extra memory, or the run does not fit even without it",
        "ask for peak_bytes",
    ),
    "memory.host_bytes": ("the run uses no host memory", "add --offload optimizer or all"),
    "memory.rank": ("one GPU has no ranks", "give --gpus"),
    "time.low_s": ("a time at a given utilization has no range", "drop --utilization"),
    "time.high_s": ("a time at a given utilization has no range", "drop --utilization"),
    "time.profile": ("no step of this card and stack was logged", "see gptbudget calibrate"),
    "cost.usd": ("no price of this card is known", "give --price (USD per GPU-hour)"),
    "cost.energy_kwh": ("the power of this card is not known", "give --power"),
    "cost.electricity_usd": (
        "it needs a price of electricity and the power of the card",
        "give --kwh-price, and --power where the catalog has none",
    ),
    "cost.co2_kg": (
        "it needs the grid and the power of the card",
        "give --grid, and --power where the catalog has none",
    ),
    "cost.purchase": ("nobody published what this card costs", "ask for cost.usd"),
}
"""Reason and hint per unknown number; any other is unknown only for want of a shape."""


def _why_unknown(estimate: Estimate, path: str) -> tuple[str, str]:
    """Why a number of the answer is not known, and what to do about it."""
    section, memory = path.partition(".")[0], unknown_memory(estimate)
    if section == "memory" and memory is not None and path != "memory.usable_bytes":
        return f"memory is not known, as {memory}", "--explain lists what is known"
    if estimate.time is None and (section in {"time", "cost"} or path in _OF_TIME):
        return "no time is predicted for this hardware", "give --utilization"
    if path.startswith("time.parts.") and estimate.run.utilization is not None:
        return "a time at a given utilization has no parts", "drop --utilization"
    if ".parts." in path:
        return "it is zero in this answer", "--explain lists all others"
    flops = isinstance(estimate.run.work, FlopsAmount)
    what = "an amount of FLOPs" if flops else "a bare size"
    return _UNKNOWN.get(path, (f"{what} has no shape", "name a model of the catalog"))


def _steps_of_row(of: Explained, name: str, *, best: bool) -> list[Step]:
    """Return the steps to a number; an empty list if a row other than the best lacks it."""
    try:
        return steps_of(of, name)
    except UsageError:
        if best:
            raise
        return []


def _shown(document: Document, of: Explained, name: str, about: str = "") -> Document:
    """Return the document with the tables of an explanation appended."""
    if not document.tables:
        return document
    title = f"explained, {about}" if about else "explained"
    tables = (_outline(of, title),) if not name else tuple(_in_full(of, name, title))
    notes = (*document.notes, _SYMBOLS, *(() if name else (_MORE,)))
    return document._replace(tables=(*document.tables, *tables), notes=notes)


def _outline(of: Explained, title: str) -> Table:
    """One line for each number of the answer."""
    steps = {step.name: step for step in of.steps}
    rows = [
        (each.name, _amount(steps[each.name]), _line(steps[each.name]))
        for each in of.quantities
        if each.name in steps and _OF_OUTLINE.fullmatch(each.path)
    ]
    return Table(("number", "value", "formula"), tuple(rows), title=title)


def _line(step: Step) -> str:
    """The formula shortened to one line, or the source of a number that is not computed."""
    return _cut(_symbols(step.formula) if step.inputs else step.source, _LONGEST_FORMULA)


def _in_full(of: Explained, name: str, title: str) -> Iterator[Table]:
    """Yield the tables of one number: its formula, its terms, their terms in short, inputs."""
    steps = {step.name: step for step in steps_of(of, name)}
    *_, root = steps.values()
    terms = _computed([root], steps, {root.name})
    below = _computed(terms, steps, {root.name, *(step.name for step in terms)})
    yield Table(("",), ((_text(root),),), title=f"{title}: {root.name}")
    if terms:
        yield Table(("",), tuple((_text(step),) for step in terms), title="of which")
    if below:
        rows = tuple((step.name, _amount(step), _line(step)) for step in below)
        yield Table(("number", "value", "formula"), rows, title="of which, in short")
    inputs = [each for step in (root, *terms, *below) for each in step.inputs]
    taken = {each.name: each for each in inputs if each.source != ABOVE}
    rows_of_inputs = tuple(
        (each.name, f"{_number(each.value)} {each.unit}".strip(), each.origin, _short(each.source))
        for each in taken.values()
    )
    if rows_of_inputs:
        yield Table(("input", "value", "origin", "source"), rows_of_inputs, title="inputs")


def _computed(of: Sequence[Step], steps: dict[str, Step], shown: set[str]) -> list[Step]:
    """The steps that compute the inputs of the steps ``of``, without those already shown."""
    inputs = [each for step in of for each in step.inputs if each.source == ABOVE]
    return [
        steps[name] for name in dict.fromkeys(each.name for each in inputs) if name not in shown
    ]


def formula_tables(steps: Sequence[Step]) -> Iterator[Table]:
    """Yield one table per section with a row (name, formula, source) per step."""
    for section in dict.fromkeys(step.section for step in steps):
        rows = tuple(
            (step.name, "\n= ".join(_equations(step)), f"{step.source}{_marks(step.inputs)}")
            for step in steps
            if step.section == section
        )
        yield Table(("number", "formula", "source"), rows, title=section)


def _text(step: Step) -> str:
    first, *others = _equations(step)
    lines = [f"{step.name} = {first}", *(f"  = {each}" for each in others)]
    return "\n".join((*lines, f"  {step.source}{_marks(step.inputs)}"))


def _equations(step: Step) -> Iterator[str]:
    """Yield the formula, the same with numbers (unless that is one number), and the result."""
    if step.inputs:
        yield _symbols(step.formula)
    if step.with_numbers != repr(step.value):
        yield _symbols(step.with_numbers)
    yield _result(step)


def _marks(inputs: Sequence[Input]) -> str:
    """Return the inputs that are defaults or assumptions, in brackets; empty if none are."""
    marked = [
        f"{origin}: {', '.join(names)}"
        for origin in ("default", "assumed")
        if (names := [each.name for each in inputs if each.origin == origin])
    ]
    return f" [{'; '.join(marked)}]" if marked else ""


def _result(step: Step) -> str:
    number = f"{_number(step.value)} {step.unit}, " if step.unit in _SHOWN else ""
    return f"{number}{_amount(step)}"


def _amount(step: Step) -> str:
    """The value in a readable unit, for example ``12 GiB``."""
    shown, sign = _SHOWN.get(step.unit), "-" if step.value < 0 else ""
    if shown is None:
        return f"{_number(step.value)} {step.unit}".strip()
    return f"{sign}{shown(abs(step.value))}"


def _number(value: float) -> str:
    """Whole numbers below 1e12 with all digits, others with six significant digits."""
    whole = value == int(value) and abs(value) < _LONG if math.isfinite(value) else False
    return f"{value:,.0f}" if whole else f"{value:.6g}"


def _symbols(formula: str) -> str:
    shown = formula.replace("**", "^").replace(" * ", " x ")
    return _NUMBER.sub(lambda match: _number(float(match[0])).replace(",", ""), shown)


def _short(source: str) -> str:
    """The first of several sources, shortened to one line, and how many more there are."""
    first, *others = source.split(" ; ")
    return f"{_cut(first, _LONGEST_SOURCE)}{f' and {len(others)} more' if others else ''}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most].rpartition(' ')[0]} ..."
