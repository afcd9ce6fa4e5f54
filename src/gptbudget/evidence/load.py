"""Published runs, steps that PyTorch accounted for, and the stored cross-validation."""

import json
from collections.abc import Iterable, Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from gptbudget.catalog.catalog import Catalog
from gptbudget.catalog.paths import data_file
from gptbudget.catalog.reference import load_evidence
from gptbudget.catalog.sentences import build
from gptbudget.catalog.yamlfile import YamlFile, read_yaml
from gptbudget.errors import FileError
from gptbudget.evidence.published import (
    SPEEDS,
    LeftOut,
    LeftOutRow,
    PublishedRun,
    PublishedSource,
    PublishedSpeed,
    RunRow,
    RunsFile,
    SourceFile,
)
from gptbudget.specs.evidence import MeasuredStep
from gptbudget.specs.layout import ONE_RANK, Layout
from gptbudget.specs.options import OPTIONS
from gptbudget.specs.recipe import Method, Recipe

_OWN = frozenset(set(RunRow.model_fields) - set(OPTIONS) | {"gpu", "model"})
"""Fields of a row that are no options of a run."""

_NEEDED = ("seq_len", "micro_batch", "precision", "checkpointing", "attention", "stack")
"""What a row must say, or its source, to be complete; model and card it cannot do without."""
_CUTS = ("tp", "pp", "cp")
_DEGREES = ("dp", *_CUTS)

_PHASES = (
    "start",
    "forward_peak",
    "forward_end",
    "backward_peak",
    "backward_end",
    "optimizer_step",
)
ONE_GPU = "pytorch_steps.json"
SHARDED = "pytorch_fsdp_steps.json"
_TRACKERS = {ONE_GPU: "PyTorch MemTracker", SHARDED: "PyTorch FSDPMemTracker"}
_METHOD = ("lora_rank", "lora_targets", "lora_precision", "lora_dropout")


class PublishedRuns(NamedTuple):
    """Every row that can be scored, and those that cannot with the reason."""

    runs: tuple[PublishedRun, ...]
    memory_left_out: tuple[LeftOut, ...]
    left_out: tuple[LeftOut, ...]


def load_published_runs(path: Path | None = None) -> PublishedRuns:
    """Read the runs of ``path``, or those of the package.

    Raises:
        FileError: a field is missing, misspelt or wrong, as ``file:line``.
    """
    file = read_yaml(path or data_file("published_runs.yaml"), keep=path is None)
    data = build(RunsFile, file.data, file)
    runs = tuple(run for key in data.sources for run in _runs_of(key, data.sources[key], file))
    _refuse_one_id_twice(runs)
    return PublishedRuns(runs, data.memory_left_out, data.left_out)


def _refuse_one_id_twice(runs: Iterable[PublishedRun]) -> None:
    """An id names one run: ``--run`` and rows left out go by it."""
    first: dict[str, PublishedRun] = {}
    for run in runs:
        if run.id in first:
            raise FileError(
                f"{run.place}: the id {run.id!r} is given twice (first at {first[run.id].place})",
                "give each run an id of its own",
            )
        first[run.id] = run


def _runs_of(key: str, source: SourceFile, file: YamlFile) -> Iterator[PublishedRun]:
    described = PublishedSource(
        key,
        source.title,
        source.url,
        source.stack_reason,
        source.assumed,
        source.off_because,
        source.border,
    )
    shared = source.options.model_dump(exclude_unset=True)
    for index, row in enumerate(source.rows):
        line = file.line("sources", key, "rows", index)
        place = f"{file.path}:{line}"
        own = row.model_dump(exclude_unset=True, exclude={"speed"})
        given = {name: value for name, value in {**shared, **own}.items() if value is not None}
        for name in ("gpu", "model"):
            if name not in given:
                raise FileError(f"{place}: {row.id}: {name} is missing", "add it")
        if row.peak_bytes is not None and source.figure is None:
            raise FileError(
                f"{place}: {row.id}: a peak needs to know what it is",
                "add figure: allocated, reserved or card to its source",
            )
        options = {name: value for name, value in given.items() if name not in _OWN}
        convention = options.pop("convention", None)
        alone = row.speed.model_dump(exclude_unset=True)
        if given.get("accumulates"):
            for name in ("micro_batch", "seq_len"):
                if name not in options:
                    raise FileError(f"{place}: {row.id}: accumulates needs {name}", "add it")
            one = options["micro_batch"] * options["seq_len"] * options.get("dp", 1)
            if options.get("global_batch_tokens") == one:
                alone["global_batch_tokens"] = one
            options["global_batch_tokens"] = max(options.get("global_batch_tokens", 0), 2 * one)
        yield PublishedRun(
            id=row.id,
            source=described,
            place=place,
            model=given["model"][0],
            gpu=given["gpu"][0],
            options=options,
            speed_options=alone,
            figure=source.figure,
            peak_bytes=row.peak_bytes,
            ran=True if row.ran is None and row.peak_bytes is not None else row.ran,
            first_rank=given.get("rank") == "first",
            speed=_speed_of(row, given, convention, place),
            assumed_input=_assumed_input(given.get("assumed_input"), {**options, **alone}),
            quote=row.quote,
        )


def _assumed_input(said: str | None, options: Mapping[str, Any]) -> str | None:
    """What neither the row nor its source says: by their own word, or because it is not there."""
    missing = [name for name in _NEEDED if name not in options]
    missing += _missing_layout(options)
    if not missing:
        return said
    defaults = f"{', '.join(missing)}: not in the row, taken from the defaults"
    return f"{said}; {defaults}" if said else defaults


def _missing_layout(options: Mapping[str, Any]) -> list[str]:
    """Of several GPUs, how they are laid out, and what copies of a model share."""
    gpus = options.get("gpus", 1)
    if gpus == 1:
        return []
    if not any(name in options for name in _DEGREES):
        return ["layout"]
    copies = gpus // prod(options.get(name, 1) for name in _CUTS)
    return ["zero"] if copies > 1 and not {"zero", "dp_shard"} & set(options) else []


def _speed_of(
    row: RunRow, given: dict[str, Any], convention: str | None, place: str
) -> PublishedSpeed | None:
    """The speed of a row, with what it takes to read it."""
    kind = next((name for name in SPEEDS if getattr(row, name) is not None), None)
    if kind is None:
        return None
    needs = {
        "step_s": ("global_batch_tokens",),
        "tflops_per_gpu": ("convention",),
        "mfu": ("convention", "peak_tflops"),
    }
    for name in needs.get(kind, ()):
        if given.get(name) is None:
            raise FileError(f"{place}: {row.id}: {kind} needs {name}", f"add {name}")
    peak = given.get("peak_tflops")
    return PublishedSpeed(
        kind, getattr(row, kind), convention, None if peak is None else peak * 1e12
    )


class MeasuredSteps(NamedTuple):
    """The steps, what was measured, and with which software."""

    what: str
    source: str
    steps: tuple[MeasuredStep, ...]


def load_measured_steps(catalog: Catalog, file: str = ONE_GPU) -> MeasuredSteps:
    """Every measured step of a table, its model taken from the catalog."""
    table = json.loads(data_file(file).read_text(encoding="utf-8"))
    versions = ", ".join(f"{name} {version}" for name, version in table["versions"].items())
    steps = tuple(
        _step(number, dict(zip(table["columns"], row, strict=True)), catalog)
        for number, row in enumerate(table["rows"], start=1)
    )
    return MeasuredSteps(table["what"], f"{_TRACKERS[file]} ({versions})", steps)


def measured_stack(implementation: str) -> str:
    """The stack that stands for an implementation that was measured."""
    stacks = load_evidence().stacks.stacks
    return next(name for name, stack in stacks.items() if implementation in stack.measured_as)


def _step(number: int, row: dict[str, Any], catalog: Catalog) -> MeasuredStep:
    gpus = row.get("gpus")
    tracker = "pytorch" if gpus is None else "pytorch-fsdp"
    return MeasuredStep(
        id=f"{tracker}-{number:03d}-{row['block']}-{row['model']}",
        implementation=row["block"],
        stack=measured_stack(row["block"]),
        model=catalog.models.find(row["model"]).spec,
        recipe=_recipe(row),
        layout=ONE_RANK if gpus is None else Layout(dp=gpus, zero=row["zero"]),
        micro_batch=row["micro_batch"],
        seq_len=row["seq_len"],
        phase_bytes={phase: row[phase] for phase in _PHASES},
        peak_bytes=row["peak"],
        peak_phase=row["peak_phase"],
    )


def _recipe(row: dict[str, Any]) -> Recipe:
    """The recipe of a row; adapters have columns of their own, empty without them."""
    adapters = row.get("lora_rank") is not None
    adapted = {name: row[name] for name in _METHOD} if adapters else {}
    method = Method(kind="lora" if adapters else "full", **adapted)
    return Recipe(
        precision="fp32" if row["mode"] == "fp32" else "bf16",
        weight_storage="pure" if row["mode"] == "pure" else "autocast",
        optimizer=row["optimizer"],
        optimizer_impl=row["optimizer_impl"],
        attention=row["attention"],
        checkpointing=row["checkpointing"],
        dropout=row.get("dropout", 0.0),
        keep_logits=row.get("keep_logits", False),
        accumulate=row.get("accumulate", False),
        method=method,
    )


class Cross(NamedTuple):
    """Constants that were fitted without each source, and errors on what was left out."""

    made: str
    script: str
    shipped: tuple[float, float]
    fitted_on_all: tuple[float, float]
    without: dict[str, tuple[float, float]]
    chosen_after_errors: tuple[str, ...]
    """Constants that were chosen, not fitted, with errors in view: no leaving out undoes that."""
    rows: tuple[LeftOutRow, ...]


def load_cross() -> Cross:
    """Read it from the package."""
    data = json.loads(data_file("cross_validation.json").read_text(encoding="utf-8"))
    rows = tuple(LeftOutRow(range_class=row.pop("class"), **row) for row in data["rows"])
    return Cross(
        data["made"],
        data["script"],
        tuple(data["shipped"]),
        tuple(data["fitted_on_all"]),
        {source: tuple(constants) for source, constants in data["without"].items()},
        tuple(data["chosen_after_errors"]),
        rows,
    )
