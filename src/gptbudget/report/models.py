"""What ``models`` has to say: the list, and one model by component."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gptbudget.catalog.catalog import Entry, Section
from gptbudget.core.flops import (
    forward_flops_per_token,
    train_flops_per_token,
    train_flops_per_token_6n,
)
from gptbudget.core.parameters import count_parameters
from gptbudget.report.document import Document, Table
from gptbudget.specs.model import ModelSpec
from gptbudget.units import format_count, format_percent


def models_document(section: Section[ModelSpec]) -> Document:
    """All models, one a row, in the order of the files."""
    entries = list(section)
    columns = ("model", "parameters", "layers", "width", "context", "tokens", "file")
    table = Table(columns, tuple(_row(entry) for entry in entries), right=frozenset(columns[1:-1]))
    records = [_record(entry) for entry in entries]
    note = "parameters are computed from the architecture; models NAME shows one by component"
    return Document("", (table,), {"models": records}, records, (note,))


def _row(entry: Entry[ModelSpec]) -> tuple[str, ...]:
    spec = entry.spec
    return (
        entry.key,
        f"{count_parameters(spec).total:,}",
        str(spec.layers),
        str(spec.width),
        str(spec.context),
        "" if spec.training_tokens is None else format_count(spec.training_tokens),
        entry.file.name if entry.shipped else str(entry.file),
    )


def _record(entry: Entry[ModelSpec]) -> dict[str, Any]:
    count = count_parameters(entry.spec)
    return {
        "key": entry.key,
        "file": str(entry.file),
        **entry.spec.model_dump(mode="json"),
        "parameters": {"total": count.total, "active": count.active, "parts": dict(count.parts)},
    }


def model_document(entry: Entry[ModelSpec], seq_len: int | None) -> Document:
    """One model: parameters and FLOPs per token by component, 6N and exact."""
    spec = entry.spec
    length = seq_len or spec.default_seq_len
    count = count_parameters(spec)
    forward, training = forward_flops_per_token(spec, length), train_flops_per_token(spec, length)
    causal = train_flops_per_token(spec, length, "causal").total
    six_n = train_flops_per_token_6n(count.active)
    record = _record(entry)
    record["flops_per_token"] = {
        "seq_len": length,
        "forward": forward.total,
        "training": training.total,
        "training_6nd": six_n,
        "training_causal": causal,
        "parts": dict(training),
    }
    beside = Table(
        ("training FLOPs per token", "FLOP", "from exact"),
        (
            ("exact, full attention square", f"{training.total:,.0f}", ""),
            ("exact, causal half", f"{causal:,.0f}", f"{causal / training.total - 1:+.1%}"),
            ("6N", f"{six_n:,.0f}", f"{six_n / training.total - 1:+.1%}"),
        ),
        right=frozenset({"FLOP", "from exact"}),
    )
    active = "" if count.active == count.total else f", {count.active:,} active"
    return Document(
        f"{entry.key}: {spec.name}, {count.total:,} parameters{active}",
        (
            _by_component("parameters", "", count.parts, count.total),
            _by_component(
                f"training FLOPs per token at {length:,} tokens", "FLOP", training, training.total
            ),
            beside,
        ),
        record,
        [record],
        (*((spec.notes,) if spec.notes else ()), *spec.sources, f"from {entry.file}"),
    )


def _by_component(title: str, unit: str, parts: Mapping[str, float], total: float) -> Table:
    """Components that visibly sum to the whole."""
    rows = [
        (name.replace("_", " "), f"{amount:,.0f}", format_percent(amount / total))
        for name, amount in parts.items()
    ]
    rows.append(("total", f"{total:,.0f}", "100 %"))
    columns = ("component", unit or "count", "share")
    return Table(columns, tuple(rows), title=title, right=frozenset(columns[1:]))
