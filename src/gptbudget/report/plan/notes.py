"""What a reader must know beside a planned budget."""

from __future__ import annotations

from collections.abc import Iterator

from gptbudget.budget.budget import Plan
from gptbudget.budget.laws import optimum
from gptbudget.budget.optimum import OnHardware
from gptbudget.budget.shapes import parameters_of
from gptbudget.core.laws.inference import total_flops
from gptbudget.report.notes import notes as run_notes
from gptbudget.units import format_bytes, format_count, format_flops, format_percent

_FITTED_FLOPS = (6e18, 3e21)
"""Budgets of the runs behind the Chinchilla fits (Hoffmann et al. 2022, section 3.2)."""
_MANY_EPOCHS = 4
_FAR = 0.1


def plan_notes(plan: Plan) -> list[str]:
    """The laws' limits first, then those of the hardware."""
    found = [
        f"the optimum is that of {plan.optimum.name}, the replicated Chinchilla fit; losses in the "
        "last column are its predictions for what the other laws ask for",
        "losses are nats a token of the corpus and tokenizer of the fit (MassiveText, 32k "
        "SentencePiece): other text differs, and GPT-2-like runs on web text end 0.15 to 0.3 "
        "higher",
        *_reach(plan),
        *_data(plan),
        *_law_notes(plan),
        *_shape(plan),
    ]
    if plan.hardware is not None:
        found += _hardware(plan, plan.hardware)
    return found


def _reach(plan: Plan) -> Iterator[str]:
    low, high = _FITTED_FLOPS
    if not low <= plan.budget.flops <= high:
        yield (
            f"the fits rest on runs of {format_flops(low)} to {format_flops(high)}: this budget is "
            "an extrapolation"
        )


def _data(plan: Plan) -> Iterator[str]:
    epochs, unique = plan.epochs, plan.options.unique_tokens
    if epochs is not None and unique is not None and epochs > _MANY_EPOCHS:
        yield (
            f"{epochs:.3g} epochs: beyond about 4 each further one is worth clearly less than "
            "fresh text (Muennighoff et al. 2023); see the data-constrained law"
        )
    use = plan.options.inference_tokens
    if use is not None:
        best = plan.optimum
        longer = next(law for law in plan.laws if law.law == "inference-adjusted")
        spent = total_flops(longer.parameters, longer.tokens, use)
        usual = total_flops(best.parameters, best.tokens, use)
        yield (
            f"with {format_count(use, 3)} tokens of inference the smaller model takes "
            f"{format_flops(spent)} in all where the optimum takes {format_flops(usual)}"
        )


def _law_notes(plan: Plan) -> Iterator[str]:
    yield from (f"{law.name}: {law.note}" for law in plan.laws if law.note)


def _shape(plan: Plan) -> Iterator[str]:
    if plan.shape is None:
        yield "no concrete shape is offered for so large a model"
        return
    yield (
        "the shape: nanoGPT's blocks; width a multiple of 128, vocabulary padded to one; no deeper "
        "than depth pays (Levine et al. 2020), no wider than the GPT-3 family (Brown et al. 2020)"
        + ("" if plan.hardware is None else "; of these the fastest on this hardware")
    )
    size = parameters_of(plan.shape)
    off = size / plan.optimum.parameters - 1
    if abs(off) > _FAR:
        yield (
            f"the nearest shape has {format_percent(abs(off))} "
            f"{'more' if off > 0 else 'fewer'} parameters than the optimum"
        )


def _hardware(plan: Plan, hardware: OnHardware) -> list[str]:
    run = hardware.trained.way.run
    found = []
    if not hardware.agreed:
        found.append(
            "size and delivered FLOPs do not quite agree: near the largest model that fits the "
            "speed jumps; taken is what promises the lowest loss"
        )
    if hardware.trained.fits is False:
        found.append("the optimum is that of the same hardware with enough memory for it")
    likely = run.time_range
    if run.utilization is None and likely is not None and plan.options.flops is None:
        low = optimum(plan.budget.flops / likely.high).parameters
        high = optimum(plan.budget.flops / likely.low).parameters
        found.append(
            f"over the likely range of the speed the optimum is {format_count(low, 3)} to "
            f"{format_count(high, 3)} parameters"
        )
    memory = hardware.trained.way.estimate.memory
    if memory is not None and memory.host_bytes and run.host_memory_bytes is None:
        found.append(
            f"the offload takes {format_bytes(memory.host_bytes)} of host memory: give "
            "--host-memory to hold it to what there is"
        )
    return [*found, *run_notes(hardware.trained.way.estimate)]
