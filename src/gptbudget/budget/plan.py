"""What ``plan`` answers: the best model for a budget, or how many GPUs for a deadline."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gptbudget.budget.budget import Plan, plan_flops, plan_on
from gptbudget.catalog.catalog import Catalog, load_catalog
from gptbudget.catalog.index import EVERY
from gptbudget.errors import UsageError
from gptbudget.run import question as questions
from gptbudget.run.origins import refuse_two, refuse_unused
from gptbudget.run.run import NamedGpu, NamedModel, Origin
from gptbudget.search.gpu_count import Counted, Limits, Search, counted_best_first
from gptbudget.specs.command_options import PlanOptions
from gptbudget.specs.options import ADAPTER_OPTIONS, OPTIONS

_BUDGETS = ("time", "cost", "flops")
_WITHOUT_A_GPU = frozenset({"flops", "unique_tokens", "inference_tokens", "seq_len"})
_OF_A_MODEL = ("tokens", "data", "epochs", "method", *ADAPTER_OPTIONS)


class CountPlan(NamedTuple):
    """How many GPUs of each kind train each model within the limits, the best first."""

    found: list[Counted]
    limits: Limits
    question: questions.Question

    @property
    def feasible(self) -> bool | None:
        """Whether any row is feasible; ``None`` if none is, but some are unknown."""
        rows = [counted.feasible for counted in self.found]
        return True if True in rows else None if None in rows else False


def answer(question: questions.Question, catalogs: Iterable[Path] = ()) -> Plan | CountPlan:
    """Answer ``plan``: the best model for a budget or, if a model is given, the number of GPUs.

    Raises:
        GptBudgetError: no budget or limit, or two budgets, a name that is unknown, or a combination
            that cannot be.
    """
    plan = _plan_budget if question.options.model is None else _plan_counts
    return plan(question, catalogs)


def ask(given: Mapping[str, Any], scenario: Path | None = None) -> questions.Question:
    """Validate the options of ``plan``, laid over those of a scenario file.

    Raises:
        UsageError: a bad value.
        FileError: a bad scenario.
    """
    options = questions.given_options(given, PlanOptions)
    common = {name: value for name, value in given.items() if name in OPTIONS}
    question = questions.ask(common, scenario)
    values = {**question.options.given, **options.given}
    origins: dict[str, Origin] = dict(question.origins)
    origins |= dict.fromkeys(options.given, "given")
    return question._replace(options=PlanOptions(**values), origins=origins)


def _plan_budget(question: questions.Question, catalogs: Iterable[Path]) -> Plan:
    """The best model for a budget of time, money or compute."""
    catalog = load_catalog(catalogs)
    question = questions.on_this_machine(question, catalog)
    options = question.options
    assert isinstance(options, PlanOptions)
    refuse_two(options, _BUDGETS, "set the budget")
    if not any(name in options.given for name in _BUDGETS):
        raise UsageError(
            "there is no budget", "give --time or --cost with --gpu, or --flops, or a --model"
        )
    refuse_unused(options, _OF_A_MODEL, "without --model", "name a model, or drop it")
    if options.unique_tokens is not None and options.unique_tokens < 1:
        raise UsageError("--unique-tokens is less than one token", "write for example 10B")
    models = [NamedModel(entry.key, entry.spec) for entry in catalog.models]
    if options.gpu is None:
        if options.flops is None:
            raise UsageError("--gpu is missing", "name an accelerator, for example --gpu 4070ti")
        others = [name for name in options.given if name not in _WITHOUT_A_GPU]
        refuse_unused(options, sorted(others), "without --gpu", "name an accelerator, or drop it")
        return plan_flops(options, question.origins, models)
    gpus = _gpus_of(question, catalog)
    if len(gpus) > 1:
        raise UsageError(
            f"a budget is planned for one --gpu, not {len(gpus)}",
            "name one, or a --model to compare GPUs for",
        )
    (setting,) = questions.settings_of(question, gpus, catalogs)
    return plan_on(setting, options, models)


def _plan_counts(question: questions.Question, catalogs: Iterable[Path]) -> CountPlan:
    """How many GPUs train the models within a time and a cost."""
    options = question.options
    assert isinstance(options, PlanOptions)
    why = "with --model, whose tokens say how much to train"
    refuse_unused(options, ("flops", "unique_tokens", "inference_tokens"), why, "drop it")
    why = "with --model: their number is the answer"
    refuse_unused(options, ("gpus",), why, "use compare for one")
    if options.time is None and options.cost is None:
        raise UsageError(
            "there is no limit to the number of GPUs", "give --time or --cost, or both"
        )
    limits = Limits(options.time, options.cost)
    catalog = load_catalog(catalogs)
    question = questions.on_this_machine(question, catalog, count=False)
    works = questions.works(options, catalog)
    settings = questions.settings_of(question, _gpus_of(question, catalog), catalogs)
    counts = [Search(setting, work, limits).smallest() for setting in settings for work in works]
    return CountPlan(counted_best_first(counts), limits, question)


def _gpus_of(question: questions.Question, catalog: Catalog) -> list[NamedGpu]:
    """The accelerators asked for, each once.

    Raises:
        UsageError: none, or all of them.
        UnknownNameError: no entry has the name.
    """
    if EVERY in (question.options.gpu or ()):
        raise UsageError("plan searches for each accelerator", "name those that you can have")
    return questions.named_gpus(question, catalog)
