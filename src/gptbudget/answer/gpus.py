"""What ``gpus`` has to say: the list, and one accelerator in full."""

from collections.abc import Iterator
from typing import Any

from gptbudget.answer.document import Document, Table
from gptbudget.answer.prices import median_in_words
from gptbudget.catalog.catalog import Entry, Section
from gptbudget.specs.gpu import GpuSpec, Price
from gptbudget.units import format_figure, format_price, format_usd


def gpus_document(section: Section[GpuSpec]) -> Document:
    """All accelerators, one a row, in the order of the files."""
    entries = list(section)
    columns = ("gpu", "GiB", "bf16", "fp16", "fp32", "GB/s", "W", "$/h", "file")
    table = Table(
        columns,
        tuple(_row(entry) for entry in entries),
        right=frozenset(columns[1:-1]),
    )
    records = [_record(entry) for entry in entries]
    return Document("", (table,), {"gpus": records}, records, _notes(entries))


def _notes(entries: list[Entry[GpuSpec]]) -> tuple[str, ...]:
    """The units of the list, and where the entries without a file came from."""
    shipped = {str(entry.file) for entry in entries if entry.shipped}
    return (
        "peaks in dense TFLOP/s with fp32 accumulation; gpus NAME shows one with its sources",
        "$/h is what an hour is taken to cost: the price of the catalog, else the median offer",
        *(f"entries without a file are from {file}" for file in sorted(shipped)),
    )


def gpu_document(entry: Entry[GpuSpec]) -> Document:
    """One accelerator in full."""
    spec = entry.spec
    table = Table(("", ""), tuple(_facts(spec)))
    sources = Table(("",), tuple((source,) for source in spec.sources), title="sources")
    record = _record(entry)
    notes = (*((spec.notes,) if spec.notes else ()), f"from {entry.file}")
    tables = (table, sources) if spec.sources else (table,)
    return Document(f"{entry.key}: {spec.name}", tables, record, [record], notes)


def _record(entry: Entry[GpuSpec]) -> dict[str, Any]:
    return {"key": entry.key, "file": str(entry.file), **entry.spec.model_dump(mode="json")}


def _row(entry: Entry[GpuSpec]) -> tuple[str, ...]:
    spec = entry.spec
    peaks, price = spec.peak_tflops, spec.rent_per_hour
    numbers = (
        spec.memory_reported_gib or spec.memory_gib,
        peaks.bf16,
        peaks.fp16,
        peaks.fp32,
        spec.memory_bandwidth_gb_per_s,
        spec.tdp_w,
    )
    return (
        entry.key,
        *("" if value is None else format_figure(value) for value in numbers),
        "" if price is None else f"{price.usd:.2f}",
        "" if entry.shipped else str(entry.file),
    )


def _facts(spec: GpuSpec) -> Iterator[tuple[str, str]]:
    """Label and value of everything that is known."""
    made = ", ".join(filter(None, (spec.vendor, spec.architecture, spec.segment)))
    yield from _amount("vendor", made or None)
    yield from _amount("released", spec.released)
    yield from _amount("memory", spec.memory_gib, "GiB", spec.memory_type or "")
    yield from _amount("memory, reported", spec.memory_reported_gib, "GiB by CUDA")
    yield from _amount("bandwidth", spec.memory_bandwidth_gb_per_s, "GB/s")
    for precision, tflops in spec.peak_tflops:
        yield from _amount(f"peak {precision}", tflops, "TFLOP/s dense")
    if spec.peak_tflops_fp16_accumulate is not None:
        for precision, tflops in spec.peak_tflops_fp16_accumulate:
            yield from _amount(
                f"peak {precision}", tflops, "TFLOP/s, sums in fp16 (not for training)"
            )
    yield from _amount("int8", spec.int8_tops, "TOPS dense")
    measured = spec.measured_matmul_tflops
    if measured is not None:
        yield from _amount("measured bf16", measured.bf16, f"TFLOP/s ({measured.source})")
        yield from _amount("measured fp16", measured.fp16, f"TFLOP/s ({measured.source})")
    yield from _amount("cores", spec.cores)
    yield from _amount("boost", spec.boost_mhz, "MHz")
    yield from _amount("TDP", spec.tdp_w, "W")
    if spec.link is not None:
        yield "link", spec.link.name
        yield from _amount("link rate", spec.link.gb_per_s_per_direction, "GB/s per direction")
        yield from _amount("link domain", spec.link.domain_gpus, "accelerators")
    if spec.pcie is not None:
        yield "PCIe", f"{spec.pcie.generation}.0 x{spec.pcie.lanes}"
    yield from _amount("compute capability", spec.compute_capability)
    yield from _prices(spec)
    if spec.aliases:
        yield "also called", ", ".join(spec.aliases)
    if spec.nvml is not None:
        yield "by its driver", f"{', '.join(spec.nvml.names)} ({spec.nvml.source})"


def _prices(spec: GpuSpec) -> Iterator[tuple[str, str]]:
    yield from _priced("price", spec.price)
    yield from _priced("cloud price per hour", spec.cloud_price_per_hour)
    yield from _priced("spot price per hour", spec.cloud_spot_price_per_hour)
    median = median_in_words(spec)
    if median is not None and spec.rent_per_hour is not None:
        yield "taken per hour", f"{format_price(spec.rent_per_hour.usd)} ({median})"
    for each in spec.cloud_prices:
        yield from _priced(f"{each.provider}, per hour", each)


def _amount(label: str, value: float | str | None, *unit: str) -> Iterator[tuple[str, str]]:
    if value is not None:
        text = value if isinstance(value, str) else format_figure(value)
        yield label, " ".join(filter(None, (text, *unit)))


def _priced(label: str, price: Price | None) -> Iterator[tuple[str, str]]:
    if price is not None:
        yield label, f"{format_usd(price.usd)} ({price.kind}, {price.date}: {price.source})"
