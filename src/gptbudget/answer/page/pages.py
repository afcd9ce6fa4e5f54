"""Build the pages of ``compare``, of ``plan`` for a budget, and of ``plan`` for GPU counts."""

from collections.abc import Iterator, Sequence

from gptbudget.answer.command import command
from gptbudget.answer.compare import comparison
from gptbudget.answer.data import answer
from gptbudget.answer.document import Document, Table
from gptbudget.answer.explain.document import Result, formula_tables
from gptbudget.answer.explain.named import Explained, explanation, plan_explanation
from gptbudget.answer.page.figures import (
    memory_figures,
    of_all,
    optimum_of_plan,
    optimum_of_run,
    time_figures,
)
from gptbudget.answer.page.page import Amount, Figure, Page, Part
from gptbudget.answer.page.sources import options_table, shown_option, sources_table
from gptbudget.answer.quantities import PAGE_NUMBERS, facts, sections
from gptbudget.answer.remedies import advice
from gptbudget.answer.verdict import subject
from gptbudget.budget.budget import Plan
from gptbudget.budget.plan import CountPlan
from gptbudget.run.estimate import Comparison, Estimate
from gptbudget.units import format_count, format_flops, format_number


def page_of(result: Result, document: Document) -> Page:
    """The page of a comparison or a plan; ``document`` is the same answer as tables."""
    if isinstance(result, Plan):
        return _plan(result, document)
    if isinstance(result, CountPlan):
        return _counts(result, document)
    assert isinstance(result, Comparison)
    if len(result.estimates) > 1:
        return _several(result)
    return _one(result.estimates[0])


# --- compare ----------------------------------------------------------------------------------


MOST_IN_FULL = 12
"""Pairs of a grid that are shown in full, the best first."""


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
        tuple(first_facts(estimate)),
        advice(result),
        parts,
    )


def _several(result: Comparison) -> Page:
    estimates, skipped = result
    document = comparison(estimates, skipped)
    shown = estimates[:MOST_IN_FULL]
    left = len(estimates) - len(shown)
    best = (f"below are the {MOST_IN_FULL} best in full; {left} more are in the grid",)
    grid = Part("All pairs", of_all(estimates), document.tables, best if left else ())
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
    tables = {each.title: _undrawn(each) for each in sections(estimate)}
    figures: dict[str, tuple[Figure, ...]] = {
        "memory on one GPU": memory_figures(estimate),
        "time": time_figures(estimate),
        "compute": optimum_of_run(estimate),
        "cost": (),
    }
    for title, drawn in figures.items():
        if title in tables:
            yield _of_table(tables[title], drawn)


def _of_table(table: Table, figures: tuple[Figure, ...] = ()) -> Part:
    title = f"{table.title[:1].upper()}{table.title[1:]}"
    return Part(title, figures, (table._replace(title=""),))


def formulas(explained: Explained, about: str) -> Part:
    """A collapsed part with the formula, values and source of every number."""
    title = f"Every number as formula: {about}"
    return Part(title, (), tuple(formula_tables(explained.steps)), folded=True)


def _undrawn(table: Table) -> Table:
    """The table without the rows that the figures' legends already show."""
    rows = zip(table.rows, table.bars, strict=True)
    return table._replace(rows=tuple(row for row, share in rows if share is None), bars=())


def _closing(estimates: Sequence[Estimate], notes: Sequence[str]) -> Iterator[Part]:
    """The last parts of a page: options, notes, sources, and commands."""
    yield Part("Options and their origin", (), (options_table(estimates),))
    if notes:
        yield Part("Notes", (), (), tuple(notes))
    yield Part("Where the numbers come from", (), (sources_table(estimates),))
    asked = tuple(f"{subject(each)}: {command(each.run, 'compare')}" for each in estimates)
    yield Part("Commands that reproduce this page's numbers", (), (), asked)


def first_facts(estimate: Estimate) -> Iterator[Amount]:
    """The numbers that are read first."""
    for label, value, text in facts(PAGE_NUMBERS, estimate):
        if value is not None:
            yield Amount(label, float(value), text)


# --- plan -------------------------------------------------------------------------------------


def _plan(plan: Plan, document: Document) -> Page:
    budget, *others = document.tables
    estimates = [] if plan.hardware is None else [plan.hardware.trained.way.estimate]
    parts = (
        Part("The budget", optimum_of_plan(plan), (budget._replace(title=""),)),
        *map(_of_table, others),
        *(part for each in estimates for part in _trained(each)),
        Part("Notes", (), (), document.notes),
        Part("Where the numbers come from", (), tuple(_sources(plan, estimates))),
        formulas(plan_explanation(plan), "the budget"),
    )
    return Page(
        "A planned budget",
        plan.feasible,
        document.headline,
        tuple(_facts(plan)),
        document.advice,
        parts,
    )


def _facts(plan: Plan) -> Iterator[Amount]:
    best = plan.optimum
    yield Amount("parameters", best.parameters, format_count(best.parameters, 3))
    yield Amount("tokens", best.tokens, format_count(best.tokens, 3))
    if best.loss is not None:
        yield Amount("predicted loss", best.loss, format_number(best.loss, 4))
    yield Amount("compute", plan.budget.flops, format_flops(plan.budget.flops))


def _trained(estimate: Estimate) -> Iterator[Part]:
    """Yield the parts on memory and time of the shape near the optimum."""
    title = subject(estimate)
    yield Part(f"{title}: memory", memory_figures(estimate))
    yield Part(f"{title}: time", time_figures(estimate))


def _sources(plan: Plan, estimates: Sequence[Estimate]) -> Iterator[Table]:
    laws = tuple((law.name, law.source) for law in plan.laws)
    yield Table(("law", "source"), laws)
    given = tuple(
        (name.replace("_", "-"), shown_option(name, getattr(plan.options, name)), origin)
        for name, origin in plan.origins.items()
    )
    yield Table(("option", "value", "origin"), given, title="options given")
    if estimates:
        yield options_table(estimates)._replace(title=f"options of {subject(estimates[0])}")
        yield sources_table(estimates)._replace(title="sources of the run's numbers")


def _counts(counts: CountPlan, document: Document) -> Page:
    estimates = [counted.way.estimate for counted in counts.found]
    best, one = estimates[0], len(estimates) == 1
    parts = (
        Part("How many GPUs", () if one else of_all(estimates), document.tables),
        *in_full(best),
        Part("Options and their origin", (), (options_table([best]),)),
        Part("Notes", (), (), document.notes),
        Part("Where the numbers come from", (), (sources_table(estimates),)),
        *(formulas(explanation(each), subject(each)) for each in estimates),
    )
    return Page(
        "How many GPUs",
        counts.found[0].feasible,
        document.headline,
        (Amount("GPUs", best.run.gpus, f"{best.run.gpus:,}"), *first_facts(best)),
        document.advice,
        parts,
    )
