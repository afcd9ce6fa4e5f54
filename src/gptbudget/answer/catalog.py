"""Answers of ``gpus``, ``models`` and ``catalog``: lists, and single entries in full."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gptbudget import units
from gptbudget.answer.document import Data, Document, Table, grid
from gptbudget.answer.prices import median_in_words, prices_of
from gptbudget.catalog.catalog import Catalog, Entry, Section
from gptbudget.core.conventions import CONVENTIONS, convention_flops_per_token, mfu
from gptbudget.core.flops import forward_flops_per_token, train_flops_per_token
from gptbudget.core.parameters import ParameterCount, checkpoint_only, count_parameters
from gptbudget.errors import FileError
from gptbudget.run.question import PublishedRate
from gptbudget.specs.gpu import GpuSpec
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.values import FlopsConvention


def check_document(faults_of: Mapping[Path, Sequence[FileError]]) -> Document:
    """All faults, one per line, or a statement that there are none."""
    faults = [str(fault) for faults in faults_of.values() for fault in faults]
    records = [{"file": str(path), "faults": list(map(str, f))} for path, f in faults_of.items()]
    headline = "\n".join([*faults, units.format_many(len(faults), "fault")])
    if not faults:
        headline = f"no fault in {', '.join(map(str, faults_of))}"
    return Document(headline, (), {"files": records}, records)


def paths_document(catalog: Catalog, user: Path) -> Document:
    """The catalog files in the order they are read, and the path of the user's own catalog."""
    gpus = Counter(raw.file.path for raw in catalog.gpus.raw.values())
    models = Counter(raw.file.path for raw in catalog.models.raw.values())
    records = [
        {"file": str(path), "gpus": gpus[path], "models": models[path]} for path in catalog.files
    ]
    columns = ("file", "gpus", "models")
    rows = tuple(tuple(str(record[name]) for name in columns) for record in records)
    table = Table(columns, rows, right=frozenset(columns[1:]))
    data = {"files": records, "user": str(user)}
    return Document("", (table,), data, records, (f"your own catalog: {user}",))


def _file(entry: Entry[Any]) -> str:
    """The file of an entry; empty for a shipped entry."""
    return "" if entry.shipped else str(entry.file)


def _origins(entries: Iterable[Entry[Any]]) -> list[str]:
    """One note for each shipped file, because shipped entries show no file in the table."""
    shipped = sorted({str(entry.file) for entry in entries if entry.shipped})
    return [f"entries without a file are from {file}" for file in shipped]


def _record(entry: Entry[Any]) -> Data:
    return {"key": entry.key, "file": str(entry.file), **entry.spec.model_dump(mode="json")}


# --- gpus -------------------------------------------------------------------------------------

_GPU_COLUMNS: dict[str, Callable[[Entry[GpuSpec]], str]] = {
    "gpu": lambda entry: entry.key,
    "GiB": lambda entry: _figure(entry.spec.memory_reported_gib or entry.spec.memory_gib),
    "bf16": lambda entry: _figure(entry.spec.peak_tflops.bf16),
    "fp16": lambda entry: _figure(entry.spec.peak_tflops.fp16),
    "fp32": lambda entry: _figure(entry.spec.peak_tflops.fp32),
    "GB/s": lambda entry: _figure(entry.spec.memory_bandwidth_gb_per_s),
    "W": lambda entry: _figure(entry.spec.tdp_w),
    "$/h": lambda entry: f"{p.usd:.2f}" if (p := entry.spec.rent_per_hour) else "",
    "file": _file,
}


def _figure(value: float | None) -> str:
    return "" if value is None else units.format_figure(value)


def gpus_document(section: Section[GpuSpec]) -> Document:
    """All accelerators, one a row, in the order of the files."""
    entries = list(section)
    records = [_record(entry) for entry in entries]
    notes = (
        "peaks in dense TFLOP/s with fp32 accumulation; gpus NAME shows one with its sources",
        "$/h is the price used in estimates: the price in the catalog, else the median offer",
        *_origins(entries),
    )
    table = grid(entries, _GPU_COLUMNS, words={"file"})
    return Document("", (table,), {"gpus": records}, records, notes)


def gpu_document(entry: Entry[GpuSpec]) -> Document:
    """One accelerator in full."""
    spec = entry.spec
    table = Table(("", ""), tuple(_facts(spec)))
    sources = Table(("",), tuple((source,) for source in spec.sources), title="sources")
    record = _record(entry)
    notes = (*filter(None, (spec.notes,)), f"from {entry.file}")
    tables = (table, sources) if spec.sources else (table,)
    return Document(f"{entry.key}: {spec.name}", tables, record, [record], notes)


def _facts(spec: GpuSpec) -> Iterator[tuple[str, str]]:
    """Label and value of everything that is known."""
    for label, value, unit in _figures(spec):
        if value:
            text = value if isinstance(value, str) else units.format_figure(value)
            yield label, f"{text} {unit}".rstrip()
    for label, price in prices_of(spec):
        yield label, f"{units.format_usd(price.usd)} ({price.kind}, {price.date}: {price.source})"
    median = median_in_words(spec)
    if median is not None and spec.rent_per_hour is not None:
        yield "hourly price used", f"{units.format_price(spec.rent_per_hour.usd)} ({median})"
    if spec.aliases:
        yield "also called", ", ".join(spec.aliases)
    if spec.nvml is not None:
        yield "by its driver", f"{', '.join(spec.nvml.names)} ({spec.nvml.source})"


def _figures(spec: GpuSpec) -> Iterator[tuple[str, float | str | None, str]]:
    """Label, value and unit of the figures of a datasheet."""
    yield "vendor", ", ".join(filter(None, (spec.vendor, spec.architecture, spec.segment))), ""
    yield "released", spec.released, ""
    yield "memory", spec.memory_gib, f"GiB {spec.memory_type or ''}"
    yield "memory, reported", spec.memory_reported_gib, "GiB by CUDA"
    yield "bandwidth", spec.memory_bandwidth_gb_per_s, "GB/s"
    for precision, tflops in spec.peak_tflops:
        yield f"peak {precision}", tflops, "TFLOP/s dense"
    for precision, tflops in spec.peak_tflops_fp16_accumulate or ():
        yield f"peak {precision}", tflops, "TFLOP/s with fp16 accumulation (not for training)"
    yield "int8", spec.int8_tops, "TOPS dense"
    measured, link, pcie = spec.measured_matmul_tflops, spec.link, spec.pcie
    if measured is not None:
        yield "measured bf16", measured.bf16, f"TFLOP/s ({measured.source})"
        yield "measured fp16", measured.fp16, f"TFLOP/s ({measured.source})"
    yield "cores", spec.cores, ""
    yield "boost", spec.boost_mhz, "MHz"
    yield "TDP", spec.tdp_w, "W"
    if link is not None:
        yield "link", link.name, ""
        yield "link rate", link.gb_per_s_per_direction, "GB/s per direction"
        yield "link domain", link.domain_gpus, "accelerators"
    if pcie is not None:
        yield "PCIe", f"{pcie.generation}.0 x{pcie.lanes}", ""
    yield "compute capability", spec.compute_capability, ""


# --- models -----------------------------------------------------------------------------------

_MODEL_COLUMNS: dict[str, Callable[[tuple[Entry[ModelSpec], ParameterCount]], str]] = {
    "model": lambda each: each[0].key,
    "parameters": lambda each: f"{each[1].total:,}",
    "active": lambda each: "" if each[1].active == each[1].total else f"{each[1].active:,}",
    "layers": lambda each: str(each[0].spec.layers),
    "width": lambda each: str(each[0].spec.width),
    "context": lambda each: str(each[0].spec.context),
    "tokens": lambda each: units.format_count(n) if (n := each[0].spec.training_tokens) else "",
    "file": lambda each: _file(each[0]),
}


def models_document(section: Section[ModelSpec]) -> Document:
    """All models, one a row, in the order of the files."""
    entries = list(section)
    counted = [(entry, count_parameters(entry.spec)) for entry in entries]
    records = [_model_record(*each) for each in counted]
    note = "parameters are computed from the architecture; models NAME shows one by component"
    table = grid(counted, _MODEL_COLUMNS, words={"file"})
    return Document("", (table,), {"models": records}, records, (note, *_origins(entries)))


def _model_record(entry: Entry[ModelSpec], count: ParameterCount) -> Data:
    return _record(entry) | {
        "parameters": {
            "total": count.total,
            "active": count.active,
            "parts": dict(count.parts),
            "checkpoint_only": dict(checkpoint_only(entry.spec)),
        }
    }


def model_document(
    entry: Entry[ModelSpec], seq_len: int | None, rate: PublishedRate | None = None
) -> Document:
    """Return one model: parameters and FLOPs by component, FLOPs in every convention."""
    spec = entry.spec
    length = seq_len or spec.default_seq_len
    count = count_parameters(spec)
    forward, training = forward_flops_per_token(spec, length), train_flops_per_token(spec, length)
    conventions = {name: convention_flops_per_token(spec, length, name) for name in CONVENTIONS}
    record = _model_record(entry, count)
    record["flops_per_token"] = {
        "seq_len": length,
        "forward": forward.total,
        "training": training.total,
        "training_6nd": conventions["6nd"],
        "training_causal": conventions["causal"],
        "parts": dict(training),
        "conventions": conventions,
    }
    active = "" if count.active == count.total else f", {count.active:,} active"
    headline, mfus = f"{entry.key}: {spec.name}, {count.total:,} parameters{active}", {}
    if rate is not None:
        mfus = {
            name: mfu(rate.tokens_per_s, flops, rate.gpus, rate.peak_flops_per_s)
            for name, flops in conventions.items()
        }
        headline += _speed_in_words(rate, mfus["exact"])
        record |= {"rate": rate._asdict(), "mfu": mfus}
    return Document(
        headline,
        (
            _by_component("parameters", "count", count.parts, count.total),
            _by_component(
                f"training FLOPs per token at {length:,} tokens", "FLOP", training, training.total
            ),
            _by_convention(conventions, mfus),
        ),
        record,
        [record],
        (*_stored(spec), *filter(None, (spec.notes,)), *spec.sources, f"from {entry.file}"),
    )


def _speed_in_words(rate: PublishedRate, exact_mfu: float) -> str:
    """The end of the headline: a published speed and the MFU it corresponds to."""
    speed = f"{units.format_number(rate.tokens_per_s, 4)} tokens/s on {rate.gpus} x {rate.gpu}"
    share = units.format_percent(exact_mfu)
    return f"; {speed} is {share} of the {rate.precision} peak (exact count)"


def _stored(spec: ModelSpec) -> tuple[str, ...]:
    """Notes on values in the checkpoint that are not parameters."""
    return tuple(
        f"the checkpoint also stores {amount:,} values that are no parameters "
        f"({part.replace('_', ' ')})"
        for part, amount in checkpoint_only(spec).items()
    )


def _by_convention(
    flops: Mapping[FlopsConvention, float], mfus: Mapping[FlopsConvention, float]
) -> Table:
    """One row per convention: FLOPs, deviation from the exact count, and the MFU at a speed."""
    columns: dict[str, Callable[[FlopsConvention], str]] = {
        "convention": str,
        "FLOP per token": lambda name: f"{flops[name]:,.0f}",
        "from exact": lambda name: (
            "" if name == "exact" else f"{flops[name] / flops['exact'] - 1:+.1%}"
        ),
    }
    if mfus:
        columns["MFU"] = lambda name: units.format_percent(mfus[name])
    return grid(flops, columns, "in every convention")


def _by_component(title: str, unit: str, parts: Mapping[str, float], total: float) -> Table:
    """A table of components with their shares and a total row."""
    rows = [
        (name.replace("_", " "), f"{amount:,.0f}", units.format_percent(amount / total))
        for name, amount in parts.items()
    ]
    rows.append(("total", f"{total:,.0f}", "100 %"))
    columns = ("component", unit, "share")
    return Table(columns, tuple(rows), title=title, right=frozenset(columns[1:]))
