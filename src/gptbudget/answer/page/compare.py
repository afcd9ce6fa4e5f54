"""The page of ``compare``: one estimate in full, or a grid with each of its best in full."""

from collections.abc import Iterator, Sequence

from gptbudget.answer.command import command
from gptbudget.answer.compare import comparison, section_table
from gptbudget.answer.data import answer
from gptbudget.answer.explain.document import formula_tables
from gptbudget.answer.explain.named import Explained, explanation
from gptbudget.answer.page.memory import memory_figures, memory_of_all
from gptbudget.answer.page.optimum import optimum_of_run
from gptbudget.answer.page.page import Amount, Figure, Page, Part
from gptbudget.answer.page.sources import options_table, sources_table
from gptbudget.answer.page.time import time_figures, time_of_all
from gptbudget.answer.quantities import Section, sections
from gptbudget.answer.remedies import advice
from gptbudget.answer.verdict import subject
from gptbudget.run.estimate import Estimate
from gptbudget.units import (
    format_bytes,
    format_duration,
    format_number,
    format_percent,
    format_usd,
)

MOST_IN_FULL = 12
"""Pairs of a grid that are shown in full, the best first."""


def compare_page(estimates: Sequence[Estimate], skipped: Sequence[str] = ()) -> Page:
    """The page of one pair, or of several."""
    return _one(estimates[0]) if len(estimates) == 1 else _several(estimates, skipped)


def _one(estimate: Estimate) -> Page:
    result = answer(estimate)
    parts = (
        *in_full(estimate),
        *_closing([estimate], result["notes"]),
        formulas(explanation(estimate), subject(estimate)),
    )
    return Page(
        subject(estimate),
        estimate.feasible,
        result["verdict"]["text"],
        tuple(facts(estimate)),
        advice(result),
        parts,
    )


def _several(estimates: Sequence[Estimate], skipped: Sequence[str]) -> Page:
    document = comparison(estimates, skipped)
    shown = estimates[:MOST_IN_FULL]
    left = len(estimates) - len(shown)
    best = (f"below are the {MOST_IN_FULL} best in full; {left} more are in the grid",)
    grid = Part("All pairs", _of_all(estimates), document.tables, best if left else ())
    pairs = tuple(part for each in shown for part in _as_one_part(each))
    return Page(
        f"{len(estimates)} pairs",
        any(each.feasible for each in estimates),
        document.headline,
        (),
        (),
        (
            grid,
            *pairs,
            *_closing(shown, skipped),
            *(formulas(explanation(each), subject(each)) for each in shown),
        ),
    )


def _of_all(estimates: Sequence[Estimate]) -> tuple[Figure, ...]:
    return (*time_of_all(estimates), *memory_of_all(estimates))


def _as_one_part(estimate: Estimate) -> Iterator[Part]:
    """One pair of several: all figures together, then all tables."""
    parts = list(in_full(estimate))
    result = answer(estimate, advise=False)
    yield Part(
        subject(estimate),
        tuple(figure for part in parts for figure in part.figures),
        tuple(table._replace(title=part.title) for part in parts for table in part.tables),
        (result["verdict"]["text"], *result["notes"]),
        beside=True,
    )


def in_full(estimate: Estimate) -> Iterator[Part]:
    """Memory, time, compute and cost: figures, and the tables of the answer."""
    tables = {section.title: section_table(_undrawn(section)) for section in sections(estimate)}
    figures: dict[str, tuple[Figure, ...]] = {
        "memory on one GPU": memory_figures(estimate),
        "time": time_figures(estimate),
        "compute": optimum_of_run(estimate),
        "cost": (),
    }
    for title, drawn in figures.items():
        if title in tables:
            name = f"{title[:1].upper()}{title[1:]}"
            yield Part(name, drawn, (tables[title]._replace(title=""),))


def formulas(explained: Explained, about: str) -> Part:
    """Every number as formula, with its numbers and its source."""
    title = f"Every number as formula: {about}"
    return Part(title, (), tuple(formula_tables(explained.steps)), folded=True)


def _undrawn(section: Section) -> Section:
    """The rows that the figures' legends do not say already."""
    return section._replace(rows=tuple(row for row in section.rows if row.share is None))


def _closing(estimates: Sequence[Estimate], notes: Sequence[str]) -> Iterator[Part]:
    """What was asked, what must be known beside it, and where everything comes from."""
    yield Part("Options, and who said them", (), (options_table(estimates),))
    if notes:
        yield Part("Notes", (), (), tuple(notes))
    yield Part("Where the numbers come from", (), (sources_table(estimates),))
    asked = tuple(f"{subject(each)}: {command(each.run, 'compare')}" for each in estimates)
    yield Part("The same again", (), (), asked)


def facts(estimate: Estimate) -> Iterator[Amount]:
    """The numbers that are read first."""
    time, memory, compute = estimate.time, estimate.memory, estimate.compute
    if time is not None:
        yield Amount("wall clock", time.wall_clock_s, format_duration(time.wall_clock_s))
    if compute.ratio is not None:
        yield Amount("available / required", compute.ratio, f"{format_number(compute.ratio)} x")
    if memory is not None:
        yield Amount("memory of one GPU", memory.peak_bytes, format_bytes(memory.peak_bytes))
    if time is not None and time.mfu is not None:
        yield Amount("MFU", time.mfu, format_percent(round(time.mfu, 3)))
    if estimate.cost is not None and estimate.cost.usd is not None:
        yield Amount("cost", float(estimate.cost.usd), format_usd(estimate.cost.usd))
