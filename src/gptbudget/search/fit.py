"""Entry point of ``fit``: parse the question, search, and return the ranked ways to train."""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from gptbudget.catalog.catalog import Catalog, load_catalog
from gptbudget.catalog.reference import load_evidence
from gptbudget.core.arrays import about
from gptbudget.errors import UsageError
from gptbudget.run import question as questions
from gptbudget.run.complete import complete_model_run, host_memory_bytes
from gptbudget.run.estimate import estimate, memory_of, unknown_memory
from gptbudget.run.run import NamedGpu, NamedModel
from gptbudget.search.ablation import distances
from gptbudget.search.best import Miss, SearchResult
from gptbudget.search.candidate import Candidate, Rank, SearchSpec, complete
from gptbudget.search.layouts import counts_of
from gptbudget.search.result import Fit, Way
from gptbudget.search.search import Watch, search
from gptbudget.specs.command_options import SearchOptions
from gptbudget.specs.options import HOST_OPTIONS, LAYOUT_OPTIONS

_TOP, _EXPLAINED = 300, 5
_MOST_GPUS = 100_000
_LATE: tuple[Miss, ...] = ("fastest", "cheapest")
_FREED = ("network", "gpus_per_node", "micro_batch", "global_batch_tokens")


class Asked(NamedTuple):
    """A question and what is searched."""

    question: questions.Question
    search: SearchOptions


def ask(given: Mapping[str, Any], scenario: Path | None = None) -> Asked:
    """Validate the options of ``fit``, laid over those of a scenario file.

    Raises:
        UsageError: a bad value.
        FileError: a bad scenario.
    """
    own = {name: given[name] for name in SearchOptions.table if name in given}
    wanted = questions.given_options(own, SearchOptions)
    common = {name: value for name, value in given.items() if name not in own}
    return _with_count(Asked(questions.ask(common, scenario), wanted))


def _with_count(asked: Asked) -> Asked:
    """Turn ``--gpus N`` into a search range of one count, unless a range was given."""
    options, wanted = asked.question.options, asked.search
    if wanted.gpus is None and options.gpus is not None:
        wanted = wanted.changed(gpus=(options.gpus,) * 2)
    counted = options.changed(gpus=None)
    return Asked(asked.question._replace(options=counted), wanted)


def answer(asked: Asked, catalogs: Iterable[Path] = (), watch: Watch | None = None) -> Fit:
    """Search, and complete what was found; ``watch`` is called with the progress.

    Raises:
        GptBudgetError: a bad question, or an empty search.
    """
    catalog = load_catalog(catalogs)
    local = questions.on_this_machine(asked.question, catalog)
    asked = _with_count(asked._replace(question=local))
    question = asked.question
    host_memory_bytes(question.options)
    space = _search_space(asked, _work(question, catalog), catalogs)
    gpus, skipped = question.of_each(
        partial(_searchable, space),
        questions.named_gpus(question, catalog),
        "no accelerator can be searched",
    )
    result = search(space, gpus, watch)
    over_hardware = len(gpus) > 1 or len(space.counts) > 1
    rows = _front(result) if over_hardware else result.rows
    rows = rows[: asked.search.top or _TOP]

    def way(candidate: Candidate, *, explained: bool) -> Way:
        wall_clock_s = candidate.wall_clock_s if rows else 0.0
        run = complete(space, candidate.gpu, candidate.choices, wall_clock_s)
        answered = estimate(run)
        ablations = distances(space, candidate) if explained else ()
        memory = answered.memory
        assert memory is not None
        return Way(candidate, answered, memory, ablations, frozenset(space.origins))

    late = [result.misses[miss] for miss in _LATE if miss in result.misses]
    nearest = {id(row): row for row in late or result.misses.values()}
    return Fit(
        space=space,
        found=result,
        gpus=gpus,
        ways=[way(row, explained=place < _EXPLAINED) for place, row in enumerate(rows)],
        misses=[] if rows else [way(row, explained=False) for row in nearest.values()],
        skipped=skipped,
        top=asked.search.top,
    )


def _front(result: SearchResult) -> list[Candidate]:
    """Return the Pareto front of time and cost, and the best, sorted by the objective.

    Without prices GPU-hours are the cost. A candidate of lower quality dominates no other.
    """

    def cost(row: Candidate) -> float:
        return float(about(row.gpus * row.wall_clock_s if row.usd is None else row.usd))

    def rank(row: Candidate) -> Rank:
        return row.rank(result.space.minimize)

    rows = result.by_hardware.values()
    unbeaten: list[Candidate] = []
    for row in sorted(rows, key=lambda row: (about(row.wall_clock_s), cost(row))):
        better = [b for b in unbeaten if b.quality_cost <= row.quality_cost]
        if not better or cost(row) < min(map(cost, better)):
            unbeaten.append(row)
    best = min(rows, key=rank, default=None)
    if best is not None and best not in unbeaten:
        unbeaten.append(best)
    return sorted(unbeaten, key=rank)


def _work(question: questions.Question, catalog: Catalog) -> NamedModel:
    with question.placing("model"):
        works = questions.works(question.options, catalog)
    if len(works) != 1:
        raise UsageError(f"fit searches ways to train one model, not {len(works)}", "name one")
    work = works[0]
    if not isinstance(work, NamedModel):
        raise UsageError(
            "fit needs a model with a shape, and there is none", "name a model of the catalog"
        )
    return work


def _search_space(asked: Asked, work: NamedModel, catalogs: Iterable[Path]) -> SearchSpec:
    options, wanted = asked.question.options, asked.search
    ways = (options.dp or 1) * (options.tp or 1) * (options.pp or 1) * (options.cp or 1)
    first, last = wanted.gpus or (ways, ways)
    if last > _MOST_GPUS:
        raise UsageError(f"--gpus: {last} is more than {_MOST_GPUS:,}", "search fewer")
    return SearchSpec(
        options=options,
        origins=asked.question.origins,
        work=work,
        evidence=load_evidence(),
        context=questions.run_context(asked.question, catalogs),
        counts=tuple(counts_of(first, last)),
        minimize=wanted.minimize or "time",
        max_wall_clock_s=options.time,
        max_usd=wanted.cost,
    )


def _searchable(space: SearchSpec, gpu: NamedGpu) -> NamedGpu:
    """The accelerator itself; refused where its memory, time or price is needed and not known."""
    freed = dict.fromkeys((*LAYOUT_OPTIONS, *_FREED, *HOST_OPTIONS))
    run = complete_model_run(space.setting(gpu).changed(freed), space.work)
    if memory_of(run) is None:
        reason = unknown_memory(estimate(run))
        raise UsageError(f"memory on {gpu.key} is not known: {reason}", "ask for something else")
    if run.usable_bytes is None:
        raise UsageError(f"the memory of {gpu.key} is not known", "give --gpu-memory")
    if run.prediction is None and run.utilization is None:
        raise UsageError(f"no time is predicted on {gpu.key}", "give --utilization")
    own = run.cost.own
    priced = run.cost.kwh_price_usd if own else run.cost.price_usd_per_hour
    if priced is None and (space.minimize == "cost" or space.max_usd is not None):
        asked = "--minimize cost" if space.minimize == "cost" else "--cost"
        raise UsageError(f"{asked} needs a price, and none of {gpu.key} is known", "give --price")
    needs_power = space.minimize == "energy" or (own and space.max_usd is not None)
    if run.cost.power_w is None and needs_power:
        raise UsageError(f"the power of {gpu.key} is not known", "give --power")
    return gpu
