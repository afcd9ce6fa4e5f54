"""Score all rows for ``validate``."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from gptbudget.catalog.catalog import Catalog, load_catalog
from gptbudget.catalog.paths import data_file
from gptbudget.catalog.reference import load_evidence
from gptbudget.errors import FileError, UnknownNameError, UsageError
from gptbudget.evidence.memory import (
    ONE_GPU,
    SHARDED,
    ScoredFit,
    load_measured_steps,
    score_memory,
    score_step,
)
from gptbudget.evidence.published import PublishedRun, PublishedRuns, load_published_runs
from gptbudget.evidence.score import ScoredRow
from gptbudget.evidence.speed import ScoredSpeed, score_speed
from gptbudget.run.calibration import beyond_its_memory, beyond_the_card
from gptbudget.run.complete import complete_model_run
from gptbudget.run.estimate import Memory, memory_of
from gptbudget.run.run import ModelRun, NamedGpu, NamedModel, Setting
from gptbudget.specs.evidence import Evidence
from gptbudget.specs.options import Options


class AgainstRuns(NamedTuple):
    """Published runs, and their peaks, outcomes and speeds that could be scored."""

    published: PublishedRuns
    peaks: list[ScoredRow]
    fits: list[ScoredFit]
    speeds: list[ScoredSpeed]


class OneRun(NamedTuple):
    """One published run in full."""

    row: PublishedRun
    run: ModelRun
    """The run with the options that apply to its speed."""
    speed: ScoredSpeed | None
    peak: ScoredRow | None
    fit: ScoredFit | None
    memory: Memory | None


class AgainstPyTorch(NamedTuple):
    """Training steps measured with one of PyTorch's memory trackers."""

    title: str
    source: str
    what: str
    rows: list[ScoredRow]

    @property
    def peaks(self) -> list[ScoredRow]:
        """The rows of whole steps."""
        return [row for row in self.rows if row.figure == "peak"]


def against_pytorch(catalogs: Iterable[Path] = ()) -> list[AgainstPyTorch]:
    """Score every measured step, on one GPU and under FSDP."""
    catalog, stacks = load_catalog(catalogs), load_evidence().stacks
    parts = []
    for title, file in (("one GPU", ONE_GPU), ("FSDP", SHARDED)):
        measured = load_measured_steps(catalog, file)
        rows = [row for step in measured.steps for row in score_step(step, stacks, measured.source)]
        parts.append(AgainstPyTorch(title, measured.source, measured.what, rows))
    return parts


def against_runs(path: Path | None = None, catalogs: Iterable[Path] = ()) -> AgainstRuns:
    """Score every published run of the package, or those of a user's file.

    Models and cards of the package's runs are those of the shipped catalogs and of its own file: a
    user's entry of the same name is another model than the one that was published.

    Raises:
        FileError: a row cannot be read, or describes an impossible run, as ``file:line``.
    """
    catalog, evidence = _catalog_of(path, catalogs), load_evidence()
    published = load_published_runs(path)
    scored = [_scored(row, catalog, evidence) for row in published.runs]
    return AgainstRuns(
        published,
        [one.peak for one in scored if one.peak],
        [one.fit for one in scored if one.fit],
        [one.speed for one in scored if one.speed],
    )


def one_run(name: str, path: Path | None = None, catalogs: Iterable[Path] = ()) -> OneRun:
    """One published run in full.

    Raises:
        UnknownNameError: no run has that id, or it is listed and not scored.
    """
    published, _, left_out = load_published_runs(path)
    row = next((each for each in published if each.id == name), None)
    if row is not None:
        return _scored(row, _catalog_of(path, catalogs), load_evidence())
    reason = next((left.reason for left in left_out if name in left.ids), None)
    if reason is not None:
        raise UnknownNameError(f"{name} is listed and not scored: {reason}")
    close = get_close_matches(name, [each.id for each in published], 3, 0.5)
    hint = f"did you mean {', '.join(close)}?" if close else "gptbudget validate -o csv lists them"
    raise UnknownNameError(f"no published run is called {name!r}", hint)


def _catalog_of(path: Path | None, catalogs: Iterable[Path]) -> Catalog:
    named = [data_file("published_models.yaml")]
    return load_catalog([*named, *catalogs]) if path else load_catalog(named, user=False)


def _scored(row: PublishedRun, catalog: Catalog, evidence: Evidence) -> OneRun:
    """Score a run; a speed above the card's best rate, or a peak above its memory, is refused."""
    run = run_of(row, catalog, evidence)
    peak, fit = score_memory(row, run)
    fast = run_of(row, catalog, evidence, row.speed_options) if row.speed_options else run
    memory = memory_of(run) if fit else None
    speed, place = score_speed(row, fast), f"{row.place}: {row.id}:"
    if speed and (wrong := beyond_the_card(fast, speed.published)):
        raise FileError(f"{place} its speed {wrong}", "correct the speed, the model or the GPUs")
    if wrong := beyond_its_memory(fast, row.peak_bytes):
        hint = "give the peak of one GPU, in the unit that was printed"
        raise FileError(f"{place} a peak of {wrong}", hint)
    return OneRun(row, fast, speed, peak, fit, memory)


def run_of(
    row: PublishedRun,
    catalog: Catalog,
    evidence: Evidence,
    over: Mapping[str, Any] = MappingProxyType({}),
) -> ModelRun:
    """The run that a published row describes, completed like any other; ``over`` overrides it."""
    try:
        gpu, model = catalog.gpus.find(row.gpu), catalog.models.find(row.model)
        setting = Setting(Options(**{**row.options, **over}), NamedGpu(gpu.key, gpu.spec), evidence)
        # Sources train one shape at several lengths, also beyond the context of the catalog.
        context = max(model.spec.context, row.options.get("seq_len", 0))
        spec = model.spec.model_copy(update={"context": context})
        return complete_model_run(setting, NamedModel(model.key, spec))
    except (UsageError, UnknownNameError) as error:
        raise FileError(f"{row.place}: {row.id}: {error.message}", error.hint) from None
