"""Answers with the explanation that was asked for behind them."""

from collections.abc import Sequence

from gptbudget.answer.document import Document
from gptbudget.answer.explain.budget import chosen_by_search, plan_explanation
from gptbudget.answer.explain.estimate import explanation, memory_explanation
from gptbudget.answer.explain.words import shown_with, steps_data, with_steps
from gptbudget.answer.verdict import subject
from gptbudget.budget.budget import Plan
from gptbudget.run.estimate import Bill, Estimate
from gptbudget.search.gpu_count import Counted
from gptbudget.search.result import Fit


def explained(document: Document, estimates: Sequence[Estimate]) -> Document:
    """An answer of ``compare``: every row as data, the best one in tables."""
    wanted = estimates if document.data and not document.tables else estimates[:1]
    about = subject(estimates[0]) if len(estimates) > 1 else ""
    return with_steps(document, [explanation(each) for each in wanted], about=about)


def explained_memory(document: Document, bill: Bill) -> Document:
    """An answer of ``memory``."""
    return with_steps(document, [memory_explanation(bill)])


def explained_fit(document: Document, fit: Fit) -> Document:
    """An answer of ``fit``: the best way, or else the nearest miss."""
    found = [*fit.ways, *fit.misses][:1]
    steps = [explanation(way.estimate, chosen_by_search(way)) for way in found]
    about = "way 1" if fit.ways else "the nearest miss"
    return with_steps(document, steps, "results" if fit.ways else "misses", about)


def explained_counts(document: Document, found: Sequence[Counted]) -> Document:
    """An answer of ``plan`` with a model: every row as data, the best one in tables."""
    steps = [
        explanation(each.way.estimate, dict.fromkeys(each.way.changes, "chosen by plan"))
        for each in found
    ]
    return with_steps(document, steps, about=subject(found[0].way.estimate))


def explained_plan(document: Document, plan: Plan) -> Document:
    """An answer of ``plan`` without a model."""
    steps = plan_explanation(plan)
    data = {**document.data, "explanation": steps_data(steps)}
    return shown_with(document._replace(data=data), steps)
