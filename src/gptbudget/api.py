"""Python API: the answers of the command line as objects."""

from typing import Any

from gptbudget.answer.document import Document
from gptbudget.budget import plan as planning
from gptbudget.budget.budget import Plan
from gptbudget.errors import UsageError
from gptbudget.run.estimate import Estimate, compare
from gptbudget.run.question import ask
from gptbudget.search.result import Fit


class Shown:
    """Mixin of results: ``print`` shows the headline, a notebook the tables of the command."""

    __slots__ = ()

    def document(self) -> Document:
        """Return the answer as a document with headline, tables and notes."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.document().headline

    def _repr_markdown_(self) -> str:
        from gptbudget.render.data import to_markdown

        return to_markdown(self.document())


class ShownEstimate(Shown, Estimate):
    """An estimate, displayed like the answer of ``compare``.

    Example:
        >>> import gptbudget
        >>> print(gptbudget.estimate(gpu="4070ti", model="1.5B", tokens=10e9, utilization=0.4))
        Compute suffices, memory is unknown: 1.5B on 1 x rtx-4070-ti takes 32.5 days ...
    """

    __slots__ = ()

    def document(self) -> Document:
        """The answer of ``compare``."""
        from gptbudget.answer.compare import comparison

        return comparison([self])

    def explain(self, name: str = "") -> list[dict[str, Any]]:
        """Return the steps to the number ``name``, which is the last; all steps if it is empty.

        Raises:
            UsageError: there is no such number, or it is not known.

        Example:
            >>> import gptbudget
            >>> answer = gptbudget.estimate(gpu="4070ti", model="gpt2", tokens=10e9)
            >>> answer.explain("required_flops_6nd")[-1]["formula"]
            '6 * parameters * tokens'
        """
        from gptbudget.answer.explain.document import steps_data, steps_of
        from gptbudget.answer.explain.named import explanation

        return steps_data(steps_of(explanation(self), name))


def estimate(**options: Any) -> ShownEstimate:
    """Estimate one training run; the keywords are the options of the command line.

    Raises:
        GptBudgetError: a bad value, an unknown name, or an invalid combination.

    Example:
        >>> import gptbudget
        >>> answer = gptbudget.estimate(
        ...     gpu="4070ti", model="gpt2-xl", tokens=10e9, precision="fp32", utilization=0.9
        ... )
        >>> round(answer.compute.ratio, 2)
        12.18
    """
    estimates = compare(ask(options)).estimates
    if len(estimates) != 1:
        raise UsageError(
            f"estimate takes one GPU and one model, not {len(estimates)} pairs", "name one of each"
        )
    return ShownEstimate(*estimates[0])


class ShownFit(Shown, Fit):
    """A search that shows itself as the answer of ``fit``."""

    __slots__ = ()

    def document(self) -> Document:
        """The answer of ``fit``."""
        from gptbudget.answer.fit import fit_document

        return fit_document(self)


def fit(**options: Any) -> ShownFit:
    """Search ways to train; the keywords are the options of the command line.

    Raises:
        GptBudgetError: a bad value, an unknown name, or a search space without a valid candidate.

    Example:
        >>> import gptbudget
        >>> result = gptbudget.fit(gpu="rtx-4090", model="llama-2-7b", method="qlora")
        >>> result.ways[0].estimate.fits
        True
    """
    from gptbudget.search import fit as fitting

    return ShownFit(*fitting.answer(fitting.ask(options)))


class ShownPlan(Shown, Plan):
    """A planned budget that shows itself as the answer of ``plan``."""

    __slots__ = ()

    def document(self) -> Document:
        """The answer of ``plan``."""
        from gptbudget.answer.budget import plan_document

        return plan_document(self)


class ShownCounts(Shown, planning.CountPlan):
    """GPU counts, displayed like the answer of ``plan --model``."""

    __slots__ = ()

    def document(self) -> Document:
        """The answer of ``plan`` with a model."""
        from gptbudget.answer.gpu_count import counts_document

        return counts_document(self.found, self.limits)


def plan(**options: Any) -> ShownPlan | ShownCounts:
    """Plan a budget, or GPUs for a model; the keywords are the options of the command line.

    Raises:
        GptBudgetError: a bad value, an unknown name, or an invalid combination.

    Example:
        >>> import gptbudget
        >>> answer = gptbudget.plan(flops=5.76e23)
        >>> f"{answer.optimum.parameters:.3g}, {answer.laws[3].parameters:.3g}"
        '7.22e+10, 4.04e+10'
    """
    result = planning.answer(planning.ask(options))
    return ShownCounts(*result) if isinstance(result, planning.CountPlan) else ShownPlan(*result)


__all__ = ["ShownCounts", "ShownEstimate", "ShownFit", "ShownPlan", "estimate", "fit", "plan"]
