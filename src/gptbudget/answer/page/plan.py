"""The page of ``plan``: the best model for a budget, or how many GPUs for a deadline."""

from collections.abc import Iterator, Sequence

from gptbudget.answer.document import Document, Table
from gptbudget.answer.explain.named import explanation, plan_explanation
from gptbudget.answer.page.compare import facts, formulas, in_full
from gptbudget.answer.page.memory import memory_figures, memory_of_all
from gptbudget.answer.page.optimum import optimum_of_plan
from gptbudget.answer.page.page import Amount, Page, Part
from gptbudget.answer.page.sources import options_table, shown_option, sources_table
from gptbudget.answer.page.time import time_figures, time_of_all
from gptbudget.answer.verdict import subject
from gptbudget.budget.budget import Plan
from gptbudget.run.estimate import Estimate
from gptbudget.search.gpu_count import Counted
from gptbudget.units import format_count, format_flops, format_number


def plan_page(plan: Plan, document: Document) -> Page:
    """The page of a planned budget; ``document`` is the same answer as tables."""
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


def _of_table(table: Table) -> Part:
    title = f"{table.title[:1].upper()}{table.title[1:]}"
    return Part(title, (), (table._replace(title=""),))


def _facts(plan: Plan) -> Iterator[Amount]:
    best = plan.optimum
    yield Amount("parameters", best.parameters, format_count(best.parameters, 3))
    yield Amount("tokens", best.tokens, format_count(best.tokens, 3))
    if best.loss is not None:
        yield Amount("predicted loss", best.loss, format_number(best.loss, 4))
    yield Amount("compute", plan.budget.flops, format_flops(plan.budget.flops))


def _trained(estimate: Estimate) -> Iterator[Part]:
    """How the shape near the optimum is trained."""
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
    yield Table(("option", "value", "origin"), given, title="what was asked")
    if estimates:
        yield options_table(estimates)._replace(title=f"options of {subject(estimates[0])}")
        yield sources_table(estimates)._replace(title="what else the numbers rest on")


def counts_page(found: list[Counted], document: Document) -> Page:
    """The page of GPU counts; ``document`` is the same answer as tables."""
    estimates = [counted.way.estimate for counted in found]
    one = len(estimates) == 1
    parts = (
        Part(
            "How many GPUs",
            () if one else (*time_of_all(estimates), *memory_of_all(estimates)),
            document.tables,
        ),
        *(in_full(estimates[0])),
        Part("Options, and who said them", (), (options_table(estimates[:1]),)),
        Part("Notes", (), (), document.notes),
        Part("Where the numbers come from", (), (sources_table(estimates),)),
        *(formulas(explanation(each), subject(each)) for each in estimates),
    )
    return Page(
        "How many GPUs",
        found[0].feasible,
        document.headline,
        (Amount("GPUs", estimates[0].run.gpus, f"{estimates[0].run.gpus:,}"), *facts(estimates[0])),
        document.advice,
        parts,
    )
