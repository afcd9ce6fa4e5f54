"""Everything that ``validate`` scores, put together from catalogs, data and formulas."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from gptbudget.catalog.catalog import Catalog, load_catalog
from gptbudget.catalog.measured import ONE_GPU, SHARDED, MeasuredSteps, load_measured_steps
from gptbudget.catalog.paths import data_file
from gptbudget.catalog.published import load_published_memory
from gptbudget.catalog.reference import load_evidence
from gptbudget.plan.complete import complete_run
from gptbudget.plan.run import NamedGpu, NamedModel, TrainingRun
from gptbudget.plan.validation import (
    ScoredFit,
    ScoredRow,
    score_published,
    score_steps,
)
from gptbudget.specs.evidence import Evidence, LeftOut, PublishedMemory
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.options import Options


class AgainstPyTorch(NamedTuple):
    """Steps that PyTorch's own trackers accounted for."""

    measured: MeasuredSteps
    rows: list[ScoredRow]


class AgainstRuns(NamedTuple):
    """Published runs: peaks, what ran and what did not, and what could not be scored."""

    published: tuple[PublishedMemory, ...]
    rows: list[ScoredRow]
    fits: list[ScoredFit]
    left_out: tuple[LeftOut, ...]


def against_pytorch(catalogs: Iterable[Path] = ()) -> list[AgainstPyTorch]:
    """Score every measured step, on one GPU and under FSDP."""
    catalog, stacks = load_catalog(catalogs), load_evidence().stacks
    found = []
    for file in (ONE_GPU, SHARDED):
        measured = load_measured_steps(catalog, file)
        rows = score_steps(measured.steps, stacks, measured.source)
        found.append(AgainstPyTorch(measured, rows))
    return found


def against_runs() -> AgainstRuns:
    """Score every published run whose inputs are known.

    Models and cards are those of the shipped catalogs and of the package's own: a user's entry
    of the same name is another model than the one that was published.
    """
    catalog = load_catalog([data_file("published_models.yaml")], user=False)
    published, left_out = load_published_memory()
    evidence = load_evidence()
    scored = [score_published(row, run_of(row, catalog, evidence)) for row in published]
    return AgainstRuns(
        published,
        [row for row, _ in scored if row is not None],
        [fit for _, fit in scored if fit is not None],
        left_out,
    )


def run_of(row: PublishedMemory, catalog: Catalog, evidence: Evidence) -> TrainingRun:
    """The run that a published row describes, completed as any other."""
    gpu, model = catalog.gpus.find(row.gpu), catalog.models.find(row.model)
    return complete_run(
        Options(**row.options),
        NamedGpu(gpu.key, gpu.spec),
        NamedModel(model.key, _long_enough(model.spec, row.options.get("seq_len", 0))),
        evidence,
    )


def _long_enough(model: ModelSpec, seq_len: int) -> ModelSpec:
    """The model with as many positions as the run had: sources train one shape at any length."""
    return model.model_copy(update={"context": max(model.context, seq_len)})
