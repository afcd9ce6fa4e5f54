"""Notes: what was assumed, what is unknown, and what would change the answer."""

from collections.abc import Iterator

from gptbudget.answer.document import Data
from gptbudget.answer.prices import median_in_words
from gptbudget.core.memory.overhead import is_cuda
from gptbudget.core.memory.placement import Placement
from gptbudget.run.estimate import Estimate, Memory, Time, unknown_memory
from gptbudget.run.machine import AssumedMachine
from gptbudget.run.run import ComputeRun, ModelRun, NamedGpu, NamedModel, Prediction
from gptbudget.specs.gpu import GpuSpec
from gptbudget.specs.layout import Layout
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.optimizers import OPTIMIZERS
from gptbudget.specs.recipe import Recipe, field_of
from gptbudget.units import (
    format_bytes,
    format_count,
    format_many,
    format_number,
    format_percent,
    format_price,
)


def notes(estimate: Estimate) -> list[str]:
    """Return all notes on an estimate, most important first."""
    return [
        *_time_notes(estimate),
        *memory_notes(estimate),
        *_cost_notes(estimate),
        *estimate.run.notes,
        *_source_notes(estimate),
    ]


def _time_notes(estimate: Estimate) -> Iterator[str]:
    run = estimate.run
    if run.utilization is not None:
        convention = "6ND" if run.convention == "6nd" else "exact"
        yield (
            f"utilization {format_percent(run.utilization)} of the {run.precision} peak as "
            f"given, in {convention} FLOPs"
        )
    elif run.prediction is None:
        yield "no step-time model covers this hardware: give --utilization"
        return
    else:
        yield from _prediction_notes(run, run.prediction, estimate.time)
        yield from _machine_notes(run, run.prediction.machine)
        if run.recipe.offload != "none":
            yield (
                "the update on the host is assumed to take 0.71 ns per parameter, as measured by "
                "DeepSpeed's authors; on few cores it takes many times that"
                if run.implementation.stack.speed.host_update_s
                else "optimizer states on the host are copied to the GPU for the update"
            )
    if run.goodput != 1:
        share = format_percent(run.goodput)
        yield f"goodput {share}: the share of wall-clock time spent in training steps"


def _prediction_notes(run: ModelRun, prediction: Prediction, time: Time | None) -> Iterator[str]:
    """Notes on the stack and profile behind the predicted time, and on its likely range."""
    likely = prediction.time_range
    default = "" if run.asked("stack") else " (default)"
    yield f"time is predicted for the {run.stack} stack{default}, part by part (time.parts in JSON)"
    if time is not None and time.profile is not None:
        logged = time.profile
        yield (
            f"the time is {time.profile_factor:.3f} times the built-in prediction, after your "
            f"profile {logged.name} of {logged.made}: {format_number(logged.tokens_per_s)} "
            f"tokens/s logged where {format_number(logged.predicted_tokens_per_s)} were predicted "
            "(--no-profile)"
        )
    compared = run.gpu.key in run.setting.evidence.compared_gpus
    unseen = "" if compared else f", and no published run on {run.gpu.key}"
    yield (
        f"likely range: {likely.low:.2f} to {likely.high:.2f} times the prediction, as for "
        f"{likely.name} ({likely.evidence}{unseen})"
    )


_IF_MISSING = {
    "memory bandwidth": "time for memory traffic is left out",
    "speed of the link": "communication over it is left out of the time",
    "slot": "traffic to the host, and between cards without a link, is assumed to use PCIe 4.0 x16",
    "architecture": "a pre-Hopper architecture is assumed",
}
"""What is assumed when a figure of the card is missing, keyed by the figure."""


def _machine_notes(run: ModelRun, assumed: AssumedMachine) -> Iterator[str]:
    """Yield notes on figures of the card that had to be assumed."""
    if not assumed.matmul_is_measured and run.recipe.mode != "fp32":
        yield (
            f"no measured matmul rate is published for {run.gpu.key}: "
            f"{format_number(assumed.rates.matmul_flops_per_s / 1e12, 4)} TFLOP/s from its "
            "nominal peak and a share set by hand for its class of card"
        )
    for figure in assumed.missing:
        yield f"the {figure} of {run.gpu.key} is not known: {_IF_MISSING[figure]}"
    if run.origins.get("network") == "default":
        network = f"{run.values['network']:g} GB/s of network a GPU"
        yield f"the layout crosses nodes over {network} (default: --network)"


def memory_notes(estimate: Estimate) -> list[str]:
    """Return notes on what the memory figures assume and leave out."""
    run, memory = estimate.run, estimate.memory
    if isinstance(run, ComputeRun) or memory is None:
        return [f"memory is not estimated: {unknown_memory(estimate)}"]
    rank = worst_rank(estimate)
    return [
        *([rank] if rank else []),
        *_accumulation_notes(run, memory),
        *_evidence_notes(run),
        *_overhead_notes(run.gpu.spec),
        *_host_notes(run, memory),
    ]


def _accumulation_notes(run: ModelRun, memory: Memory) -> Iterator[str]:
    """Yield notes on the memory and the rounding of gradient accumulation."""
    if run.recipe.optimizer_impl == "in-backward":
        yield "with the optimizer in the backward pass a step is one micro-batch per replica"
    elif memory.accumulated_bytes is not None:
        batch = run.global_batch_tokens
        more = memory.accumulated_bytes - memory.peak_bytes
        yield (
            f"memory is for a step of {format_count(run.micro_batch * run.seq_len)} tokens without "
            f"gradient accumulation; accumulating to {format_count(batch)} tokens adds "
            f"{format_bytes(more)} (--global-batch-tokens {batch})"
        )
    if memory.sums_in_16_bit(run):
        yield (
            "gradients are accumulated in 16 bit, which rounds small ones to zero; use one large "
            "micro-batch per step, or fp32 accumulation (2 more bytes per parameter)"
        )


def _evidence_notes(run: ModelRun) -> Iterator[str]:
    """Yield notes on memory figures that no measured training step covers."""
    model, stack = run.work.spec, run.implementation.stack
    if not run.implementation.measured(model):
        yield f"memory figures of the {run.stack} stack are {stack.evidence}"
    unmeasured = [*_unmeasured(run.recipe, model), *_unmeasured_layout(run.layout)]
    if unmeasured:
        yield f"counted from the implementation, not measured: {', '.join(unmeasured)}"


_MEASURED = {
    "precision": {"bf16", "fp32"},
    "recipe": {"autocast", "pure"},
    "optimizer": {name for name, spec in OPTIMIZERS.items() if spec.measured},
    "checkpointing": {"none", "full"},
    "loss": {"plain"},
    "offload": {"none"},
}
"""Option values covered by measured training steps."""


def _unmeasured(recipe: Recipe, model: ModelSpec) -> Iterator[str]:
    """Parts of the recipe and the model that no measured training step covers, in any stack."""
    for name, measured in _MEASURED.items():
        value = getattr(recipe, field_of(name))
        if value not in measured:
            yield f"--{name} {value}"
    method = recipe.method.kind
    if method in {"qlora", "frozen"} or (method == "lora" and not model.ffn.gated):
        yield f"--method {method}"
    if model.experts is not None:
        yield "experts"
    if model.attention.latent is not None:
        yield "latent attention"


def _unmeasured_layout(layout: Layout) -> list[str]:
    """Return what was not measured of a layout; FSDP was, with PyTorch's own tracker."""
    unmeasured = {
        f"ZeRO stage {layout.zero}": layout.zero in {1, 2},
        "hybrid sharding": layout.dp_shard not in {None, layout.dp},
        "tensor parallelism": layout.tp > 1,
        "pipeline": layout.pp > 1,
        "context parallelism": layout.cp > 1,
        "expert parallelism": layout.ep > 1,
    }
    return [what for what, applies in unmeasured.items() if applies and layout.gpus > 1]


def _overhead_notes(spec: GpuSpec) -> Iterator[str]:
    """A note on overheads that are not known for hardware other than CUDA GPUs."""
    if not is_cuda(spec.compute_capability):
        nvidia = spec.vendor in {None, "NVIDIA"} and spec.segment != "historic"
        hint = "; for an NVIDIA card, give its compute_capability in the catalog" if nvidia else ""
        yield (
            "driver context, workspaces, the communication library's buffers and allocator slack "
            f"of this hardware are not known and left out{hint}"
        )


def _host_notes(run: ModelRun, memory: Memory) -> Iterator[str]:
    """Yield a note on the host memory that an offload takes."""
    parts = ", ".join(
        f"{part.replace('_', ' ')} {format_bytes(amount)}"
        for part, amount in memory.by_phase.host.items()
    )
    if memory.host_bytes and run.recipe.offload == "none":
        yield f"paged states move to the host when the card is full, and count there: {parts}"
    elif memory.host_bytes:
        yield f"the offload keeps in host memory: {parts}"


def _cost_notes(estimate: Estimate) -> Iterator[str]:
    run = estimate.run
    price, assumed = run.gpu.spec.rent_per_hour, run.cost
    if estimate.cost is None:
        return
    if assumed.own:
        yield "cost is electricity only, because --kwh-price is given and --price is not"
    elif assumed.price_usd_per_hour is None:
        yield f"no cloud price of {run.gpu.key} is known: give --price (USD per GPU-hour)"
    elif run.origins.get("price") == "catalog" and price is not None:
        median = median_in_words(run.gpu.spec)
        which = f" of {price.date}" if median is None else f", the {median}"
        yield f"price {format_price(price.usd)} per GPU-hour{which}: {price.source}"
    if assumed.power_w is not None and run.origins.get("power") == "catalog":
        yield (
            f"energy uses the {format_number(assumed.power_w)} W of the catalog as an upper bound; "
            "what that does not include, such as the host of a card, is left out"
        )


def _source_notes(estimate: Estimate) -> Iterator[str]:
    run = estimate.run
    entries: list[NamedGpu | NamedModel] = [run.gpu]
    if isinstance(run, ModelRun):
        entries.append(run.work)
    for entry in entries:
        if not entry.spec.sources:
            yield f"{entry.key} comes from a user's catalog and cites no source"


# --- which GPU of several needs most memory, and why ------------------------------------------


def worst_rank(estimate: Estimate) -> str | None:
    """Name the rank that needs most memory, and why; ``None`` for one GPU or unknown memory."""
    memory, run = estimate.memory, estimate.run
    if memory is None or isinstance(run, ComputeRun) or run.gpus == 1:
        return None
    if run.layout.pp == 1:
        return "every GPU needs the same"
    rank = memory.by_phase.amounts.placement
    return f"{_which(rank.stage, run.layout.pp)} needs most: {_why(rank)}"


def where(run: ModelRun, memory: Memory) -> str:
    """Name the stage that needs most, if they differ: ``on the first of 8 pipeline stages``."""
    stages = run.layout.pp
    return f" on {_which(memory.by_phase.amounts.placement.stage, stages)}" if stages > 1 else ""


def _which(stage: int, stages: int) -> str:
    if 0 < stage < stages - 1:
        return f"stage {stage + 1} of {stages} of the pipeline"
    return f"the {'last' if stage else 'first'} of {stages} pipeline stages"


def rank_data(estimate: Estimate) -> Data | None:
    """Return the rank that needs most memory as plain data; ``None`` as for ``worst_rank``."""
    text, memory, run = worst_rank(estimate), estimate.memory, estimate.run
    if text is None or memory is None or isinstance(run, ComputeRun):
        return None
    rank = memory.by_phase.amounts.placement
    return {
        "stage": rank.stage + 1,
        "stages": run.layout.pp,
        "layers": rank.layers,
        "micro_batches_in_flight": rank.in_flight,
        "text": text,
    }


def _why(rank: Placement) -> str:
    """Explain why this stage needs most memory."""
    layers = format_many(rank.layers, "block")
    blocks = f"{layers} with {format_many(rank.in_flight, 'micro-batch', 'es')} in flight"
    if rank.first:
        return f"the embedding, and {blocks}"
    if rank.last:
        return f"head, logits and loss, and {layers}"
    frozen = rank.trained_layers < rank.layers
    return f"it trains {rank.trained_layers} of {blocks}" if frozen else blocks
