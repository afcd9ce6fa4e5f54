"""Everything that ``validate`` scores, put together from catalogs, data and formulas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from gptbudget.catalog.catalog import Catalog, load_catalog
from gptbudget.catalog.measured import ONE_GPU, SHARDED, MeasuredSteps, load_measured_steps
from gptbudget.catalog.paths import data_file
from gptbudget.catalog.published import load_published_runs
from gptbudget.catalog.reference import load_evidence
from gptbudget.errors import FileError, UnknownNameError, UsageError
from gptbudget.plan.complete import complete_run
from gptbudget.plan.run import NamedGpu, NamedModel, TrainingRun
from gptbudget.plan.validation.against import AgainstRuns
from gptbudget.plan.validation.memory import score_memory
from gptbudget.plan.validation.score import ScoredRow
from gptbudget.plan.validation.speed import score_speed
from gptbudget.plan.validation.steps import score_steps
from gptbudget.specs.evidence import Evidence
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.options import Options
from gptbudget.specs.published import PublishedRun


class AgainstPyTorch(NamedTuple):
    """Steps that PyTorch's own trackers accounted for."""

    measured: MeasuredSteps
    rows: list[ScoredRow]


def against_pytorch(catalogs: Iterable[Path] = ()) -> list[AgainstPyTorch]:
    """Score every measured step, on one GPU and under FSDP."""
    catalog, stacks = load_catalog(catalogs), load_evidence().stacks
    found = []
    for file in (ONE_GPU, SHARDED):
        measured = load_measured_steps(catalog, file)
        rows = score_steps(measured.steps, stacks, measured.source)
        found.append(AgainstPyTorch(measured, rows))
    return found


def against_runs(path: Path | None = None, catalogs: Iterable[Path] = ()) -> AgainstRuns:
    """Score every published run of the package, or those of a user's file.

    Models and cards of the package's runs are those of the shipped catalogs and of its own file: a
    user's entry of the same name is another model than the one that was published.

    Raises:
        FileError: a row cannot be read, or describes a run that cannot be, as ``file:line``.
    """
    named = [data_file("published_models.yaml")]
    catalog = load_catalog([*named, *catalogs]) if path else load_catalog(named, user=False)
    published, left_out = load_published_runs(path)
    evidence = load_evidence()
    peaks, fits, speeds = [], [], []
    for row in published:
        run = run_of(row, catalog, evidence)
        peak, fit = score_memory(row, run)
        peaks += [peak] if peak else []
        fits += [fit] if fit else []
        if row.speed is not None:
            fast = run_of(row, catalog, evidence, row.speed_options) if row.speed_options else run
            scored = score_speed(row, fast)
            speeds += [scored] if scored else []
    return AgainstRuns(published, peaks, fits, speeds, left_out)


def run_of(
    row: PublishedRun,
    catalog: Catalog,
    evidence: Evidence,
    over: Mapping[str, Any] = MappingProxyType({}),
) -> TrainingRun:
    """The run that a published row describes, completed as any other, with options ``over`` it."""
    try:
        gpu, model = catalog.gpus.find(row.gpu), catalog.models.find(row.model)
        return complete_run(
            Options(**{**row.options, **over}),
            NamedGpu(gpu.key, gpu.spec),
            NamedModel(model.key, _long_enough(model.spec, row.options.get("seq_len", 0))),
            evidence,
        )
    except (UsageError, UnknownNameError) as error:
        raise FileError(f"{row.place}: {row.id}: {error.message}", error.hint) from None


def _long_enough(model: ModelSpec, seq_len: int) -> ModelSpec:
    """The model with as many positions as the run had: sources train one shape at any length."""
    return model.model_copy(update={"context": max(model.context, seq_len)})
