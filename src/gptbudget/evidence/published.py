"""Published training runs: loaded from their file, with measurements and sources."""

from collections.abc import Iterable, Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import field_validator, model_validator

from gptbudget.catalog.paths import data_file
from gptbudget.catalog.scenario import OptionFields
from gptbudget.catalog.sentences import build
from gptbudget.catalog.yamlfile import YamlFile, read_yaml
from gptbudget.errors import FileError
from gptbudget.specs.base import Fraction, Positive, Spec, Text
from gptbudget.specs.options import OPTIONS
from gptbudget.specs.values import Figure
from gptbudget.units import GIB

SPEEDS = ("tokens_per_s", "tokens_per_s_per_gpu", "step_s", "tflops_per_gpu", "mfu")
"""Ways to publish a speed; a row has one of them."""

_PEAKS = {"peak_gb": 1e9, "peak_gib": GIB}


class SharedFields(OptionFields):
    """Command-line options, and further fields that the rows of a source may share."""

    accumulates: bool = False
    """The run accumulates gradients, but its global batch is not published."""
    rank: Literal["first"] | None = None
    """The peak is that of the first pipeline stage, not of the worst."""
    peak_tflops: Positive | None = None
    """The peak that a published MFU refers to, in TFLOP/s."""
    assumed_input: Text | None = None
    """An input that neither the row nor its source states and that was assumed."""


class RunRow(SharedFields):
    """One run: its own options (which override those of its source) and its measurements."""

    id: Text
    ran: bool | None = None
    """Whether it succeeded (``True``) or ran out of memory (``False``)."""
    peak_gb: Positive | None = None
    peak_gib: Positive | None = None
    tokens_per_s: Positive | None = None
    tokens_per_s_per_gpu: Positive | None = None
    step_s: Positive | None = None
    tflops_per_gpu: Positive | None = None
    mfu: Fraction | None = None
    speed: OptionFields = OptionFields()
    """Options that hold for the speed alone, such as fp8 products over 16-bit tensors."""
    quote: Text | None = None

    @field_validator("gpu", "model")
    @classmethod
    def _one_name(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if names is not None and len(names) > 1:
            msg = "a run has one card and one model: write one name"
            raise ValueError(msg)
        return names

    @model_validator(mode="after")
    def _measured_once(self) -> "RunRow":
        speeds = [name for name in SPEEDS if getattr(self, name) is not None]
        if len(speeds) > 1:
            msg = (
                f"{' and '.join(speeds)} are two speeds of one run: keep the one that was measured"
            )
            raise ValueError(msg)
        if not speeds and self.peak_bytes is None and self.ran is None:
            msg = f"nothing was measured: add one of {', '.join((*SPEEDS, *_PEAKS, 'ran'))}"
            raise ValueError(msg)
        return self

    @property
    def peak_bytes(self) -> float | None:
        """The published peak of one accelerator."""
        for name, unit in _PEAKS.items():
            value = getattr(self, name)
            if value is not None:
                return float(value * unit)
        return None


class SourceFile(Spec):
    """Rows of one source, and the options they share."""

    title: Text
    url: Text | None = None
    cites: tuple[Text, ...] = ()
    """Further references for options that are not in the main source."""
    figure: Figure | None = None
    """What its peaks are."""
    stack_reason: Text | None = None
    """Why this stack was chosen for the source, quoted from it."""
    assumed: Text | None = None
    off_because: Text | None = None
    """Known bias of this source that its inputs do not explain."""
    border: bool = False
    """Whether its rows are the largest batch size that fits and the next larger one."""
    options: SharedFields = SharedFields()
    rows: tuple[RunRow, ...]


class LeftOut(Spec):
    """Published rows that are listed and not scored."""

    reason: Text
    ids: tuple[Text, ...]


class RunsFile(Spec):
    """A file of published runs."""

    sources: dict[str, SourceFile]
    memory_left_out: tuple[LeftOut, ...] = ()
    """Rows whose memory is not scored, though they ran."""
    left_out: tuple[LeftOut, ...] = ()


class PublishedSpeed(NamedTuple):
    """A speed as it was published."""

    kind: str
    """One of ``SPEEDS``."""
    value: float
    convention: str | None
    """Which FLOPs a rate or a utilization counts."""
    peak_flops_per_s: float | None


class PublishedRun(NamedTuple):
    """One published run, ready to be scored."""

    id: str
    source: str
    about: SourceFile
    """What its source says of all its rows."""
    place: str
    """``file:line`` of the row."""
    model: str
    gpu: str
    options: dict[str, Any]
    speed_options: dict[str, Any]
    peak_bytes: float | None
    ran: bool | None
    """``None``: nothing is said of memory."""
    first_rank: bool
    speed: PublishedSpeed | None
    assumed_input: str | None
    """What had to be assumed of its inputs; ``None``: it is complete."""
    quote: str | None


_OWN = frozenset(set(RunRow.model_fields) - set(OPTIONS) | {"gpu", "model", "convention"})
"""Fields of a row that are no options of a run."""

_NEEDED = ("seq_len", "micro_batch", "precision", "checkpointing", "attention", "stack")
"""Options that a row or its source must state to be complete, beside model and card."""
_CUTS = ("tp", "pp", "cp")
_DEGREES = ("dp", *_CUTS)


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
    """``--run`` and the lists of left-out rows refer to runs by id."""
    first: dict[str, PublishedRun] = {}
    for run in runs:
        if run.id in first:
            raise FileError(
                f"{run.place}: the id {run.id!r} is given twice (first at {first[run.id].place})",
                "give each run an id of its own",
            )
        first[run.id] = run


def _runs_of(key: str, source: SourceFile, file: YamlFile) -> Iterator[PublishedRun]:
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
            source=key,
            about=source,
            place=place,
            model=given["model"][0],
            gpu=given["gpu"][0],
            options=options,
            speed_options=alone,
            peak_bytes=row.peak_bytes,
            ran=True if row.ran is None and row.peak_bytes is not None else row.ran,
            first_rank=given.get("rank") == "first",
            speed=_speed_of(row, given, place),
            assumed_input=_assumed_input(given.get("assumed_input"), {**options, **alone}),
            quote=row.quote,
        )


def _assumed_input(said: str | None, options: Mapping[str, Any]) -> str | None:
    """Return the assumed inputs: those the row declares, and those missing from row and source."""
    missing = [name for name in _NEEDED if name not in options]
    missing += _missing_layout(options)
    if not missing:
        return said
    defaults = f"{', '.join(missing)}: not in the row, taken from the defaults"
    return f"{said}; {defaults}" if said else defaults


def _missing_layout(options: Mapping[str, Any]) -> list[str]:
    """Return what is missing about the layout on several GPUs: the degrees, or the ZeRO stage."""
    gpus = options.get("gpus", 1)
    if gpus == 1:
        return []
    if not any(name in options for name in _DEGREES):
        return ["layout"]
    copies = gpus // prod(options.get(name, 1) for name in _CUTS)
    return ["zero"] if copies > 1 and not {"zero", "dp_shard"} & set(options) else []


def _speed_of(row: RunRow, given: dict[str, Any], place: str) -> PublishedSpeed | None:
    """The speed of a row, with its convention and peak."""
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
    peak_flops_per_s = None if peak is None else peak * 1e12
    return PublishedSpeed(kind, getattr(row, kind), given.get("convention"), peak_flops_per_s)
