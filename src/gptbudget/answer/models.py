"""What ``models`` has to say: the list, and one model by component."""

from collections.abc import Mapping
from typing import Any

from gptbudget.answer.document import Document, Table
from gptbudget.catalog.catalog import Entry, Section
from gptbudget.core.conventions import CONVENTIONS, convention_flops_per_token, mfu
from gptbudget.core.flops import forward_flops_per_token, train_flops_per_token
from gptbudget.core.parameters import ParameterCount, checkpoint_only, count_parameters
from gptbudget.run.published_rate import PublishedRate
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.values import FlopsConvention
from gptbudget.units import format_count, format_number, format_percent


def models_document(section: Section[ModelSpec]) -> Document:
    """All models, one a row, in the order of the files."""
    entries = list(section)
    columns = ("model", "parameters", "active", "layers", "width", "context", "tokens", "file")
    table = Table(columns, tuple(_row(entry) for entry in entries), right=frozenset(columns[1:-1]))
    records = [_record(entry) for entry in entries]
    shipped = sorted({str(entry.file) for entry in entries if entry.shipped})
    note = "parameters are computed from the architecture; models NAME shows one by component"
    origin = (f"entries without a file are from {file}" for file in shipped)
    return Document("", (table,), {"models": records}, records, (note, *origin))


def _row(entry: Entry[ModelSpec]) -> tuple[str, ...]:
    spec, count = entry.spec, count_parameters(entry.spec)
    return (
        entry.key,
        f"{count.total:,}",
        "" if count.active == count.total else f"{count.active:,}",
        str(spec.layers),
        str(spec.width),
        str(spec.context),
        "" if spec.training_tokens is None else format_count(spec.training_tokens),
        "" if entry.shipped else str(entry.file),
    )


def _record(entry: Entry[ModelSpec]) -> dict[str, Any]:
    count = count_parameters(entry.spec)
    return {
        "key": entry.key,
        "file": str(entry.file),
        **entry.spec.model_dump(mode="json"),
        "parameters": {
            "total": count.total,
            "active": count.active,
            "parts": dict(count.parts),
            "checkpoint_only": dict(checkpoint_only(entry.spec)),
        },
    }


def model_document(
    entry: Entry[ModelSpec], seq_len: int | None, rate: PublishedRate | None = None
) -> Document:
    """One model: parameters and FLOPs per token by component, and in every convention."""
    spec = entry.spec
    length = seq_len or spec.default_seq_len
    count = count_parameters(spec)
    forward, training = forward_flops_per_token(spec, length), train_flops_per_token(spec, length)
    conventions = {name: convention_flops_per_token(spec, length, name) for name in CONVENTIONS}
    record = _record(entry)
    record["flops_per_token"] = {
        "seq_len": length,
        "forward": forward.total,
        "training": training.total,
        "training_6nd": conventions["6nd"],
        "training_causal": conventions["causal"],
        "parts": dict(training),
        "conventions": conventions,
    }
    if rate is not None:
        record["rate"] = rate._asdict()
        record["mfu"] = _mfus(conventions, rate)
    return Document(
        _headline(entry, count, conventions, rate),
        (
            _by_component("parameters", "count", count.parts, count.total),
            _by_component(
                f"training FLOPs per token at {length:,} tokens", "FLOP", training, training.total
            ),
            _by_convention(conventions, rate),
        ),
        record,
        [record],
        (*_stored(spec), *filter(None, (spec.notes,)), *spec.sources, f"from {entry.file}"),
    )


def _headline(
    entry: Entry[ModelSpec],
    count: ParameterCount,
    conventions: Mapping[FlopsConvention, float],
    rate: PublishedRate | None,
) -> str:
    active = "" if count.active == count.total else f", {count.active:,} active"
    text = f"{entry.key}: {entry.spec.name}, {count.total:,} parameters{active}"
    if rate is None:
        return text
    share = format_percent(_mfus(conventions, rate)["exact"])
    speed = f"{format_number(rate.tokens_per_s, 4)} tokens/s on {rate.gpus} x {rate.gpu}"
    return f"{text}; {speed} are {share} of the {rate.precision} peak by the exact count"


def _mfus(
    conventions: Mapping[FlopsConvention, float], rate: PublishedRate
) -> dict[FlopsConvention, float]:
    return {
        name: mfu(rate.tokens_per_s, flops, rate.gpus, rate.peak_flops_per_s)
        for name, flops in conventions.items()
    }


def _stored(spec: ModelSpec) -> tuple[str, ...]:
    """What a checkpoint holds beside the parameters."""
    return tuple(
        f"the checkpoint also stores {amount:,} values that are no parameters "
        f"({part.replace('_', ' ')})"
        for part, amount in checkpoint_only(spec).items()
    )


def _by_convention(
    conventions: Mapping[FlopsConvention, float], rate: PublishedRate | None
) -> Table:
    """Every convention, its distance from the exact count, and the MFU it would print."""
    mfus = None if rate is None else _mfus(conventions, rate)
    columns = ("convention", "FLOP per token", "from exact", *(("MFU",) if mfus else ()))
    rows = tuple(
        (
            name,
            f"{flops:,.0f}",
            "" if name == "exact" else f"{flops / conventions['exact'] - 1:+.1%}",
            *(() if mfus is None else (format_percent(mfus[name]),)),
        )
        for name, flops in conventions.items()
    )
    return Table(columns, rows, title="in every convention", right=frozenset(columns[1:]))


def _by_component(title: str, unit: str, parts: Mapping[str, float], total: float) -> Table:
    """Components that visibly sum to the whole."""
    rows = [
        (name.replace("_", " "), f"{amount:,.0f}", format_percent(amount / total))
        for name, amount in parts.items()
    ]
    rows.append(("total", f"{total:,.0f}", "100 %"))
    columns = ("component", unit, "share")
    return Table(columns, tuple(rows), title=title, right=frozenset(columns[1:]))
