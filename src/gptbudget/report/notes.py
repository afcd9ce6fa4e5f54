"""Notes: what was assumed, what is unknown, and what would change the answer."""

from __future__ import annotations

from gptbudget.core.memory import memory_by_phase
from gptbudget.plan.estimate import Estimate
from gptbudget.plan.run import NamedModel
from gptbudget.report.verdict import unknown_memory
from gptbudget.units import format_bytes, format_count, format_number, format_percent


def notes(estimate: Estimate) -> list[str]:
    """Everything a careful reader must know beside the numbers, most important first."""
    found = [*_time_notes(estimate), *_memory_notes(estimate), *_cost_notes(estimate)]
    return [*found, *estimate.run.notes, *_source_notes(estimate)]


def _time_notes(estimate: Estimate) -> list[str]:
    run = estimate.run
    figure = run.utilization_class
    if run.utilization is not None:
        convention = "6ND" if run.convention == "6nd" else "exact"
        given = (
            f"utilization {format_percent(run.utilization)} of the {run.recipe.precision} peak as "
            f"given, in {convention} FLOPs"
        )
        return [given, *_goodput_notes(run.goodput)]
    if figure is None:
        return [
            "no published utilization for this hardware, size and precision: give --utilization"
        ]
    low, high = figure.mfu
    found = [
        f"MFU {format_percent(figure.middle)} (default) is the middle of {format_percent(low)} to "
        f"{format_percent(high)}, published for {figure.name}: {', '.join(figure.sources)}"
    ]
    if run.recipe.checkpointing == "full":
        found.append("full checkpointing runs the forward pass of the blocks twice: time is longer")
    return [*found, *_goodput_notes(run.goodput)]


def _goodput_notes(goodput: float) -> list[str]:
    if goodput == 1:
        return []
    return [f"goodput {format_percent(goodput)}: the share of the wall clock that is steps"]


def _memory_notes(estimate: Estimate) -> list[str]:
    run = estimate.run
    reason = unknown_memory(estimate)
    if reason is not None:
        return [f"memory is not given: {reason}"]
    found = []
    if run.block_is_upper_bound and run.block is not None:
        found.append(
            f"memory of the {run.stack} stack is an upper bound, not measured: it takes the "
            f"figures of {run.block.title}"
        )
    return found + _accumulation_notes(estimate)


def _accumulation_notes(estimate: Estimate) -> list[str]:
    """What gradient accumulation would add, when the bill leaves it out."""
    run = estimate.run
    tokens, batch = _micro_batch_tokens(estimate), run.global_batch_tokens
    if run.recipe.accumulate or batch is None or tokens is None or batch <= tokens:
        return []
    assert isinstance(run.work, NamedModel)
    assert run.block is not None
    assert estimate.memory is not None
    longer = memory_by_phase(
        run.work.spec,
        run.recipe.model_copy(update={"accumulate": True}),
        run.block,
        run.micro_batch,
        run.seq_len,
    )
    if longer is None:
        return []
    more = longer.peak_bytes - estimate.memory.by_phase.peak_bytes
    return [
        f"memory is that of a step of {format_count(tokens)} tokens whose gradients are freed; "
        f"accumulating them to {format_count(batch)} tokens adds {format_bytes(more)} "
        f"(--global-batch-tokens {batch})"
    ]


def _micro_batch_tokens(estimate: Estimate) -> int | None:
    run = estimate.run
    if run.micro_batch is None or run.seq_len is None:
        return None
    return run.micro_batch * run.seq_len


def _cost_notes(estimate: Estimate) -> list[str]:
    run, cost = estimate.run, estimate.cost
    if cost is None:
        return []
    found = []
    price = run.gpu.spec.cloud_price_per_hour
    if run.price_usd_per_hour is None:
        found.append(f"no cloud price of {run.gpu.key} is known: give --price (USD per GPU-hour)")
    elif run.origins.get("price") == "catalog" and price is not None:
        found.append(f"price ${price.usd} per GPU-hour of {price.date}: {price.source}")
    if run.power_w is not None and run.origins.get("power") == "catalog":
        found.append(
            f"energy takes the card's TDP of {format_number(run.power_w)} W, an upper bound, and "
            "leaves the host out"
        )
    return found


def _source_notes(estimate: Estimate) -> list[str]:
    run = estimate.run
    found = []
    if not run.gpu.spec.sources:
        found.append(f"{run.gpu.key} comes from a user's catalog and cites no source")
    if isinstance(run.work, NamedModel) and not run.work.spec.sources:
        found.append(f"{run.work.key} comes from a user's catalog and cites no source")
    return found
