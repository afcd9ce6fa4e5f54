"""Notes: what was assumed, what is unknown, and what would change the answer."""

from gptbudget.answer.document import Data
from gptbudget.answer.prices import median_in_words
from gptbudget.core.memory.overhead import is_cuda
from gptbudget.core.memory.placement import Placement
from gptbudget.run.estimate import Estimate, Memory, Time, unknown_memory
from gptbudget.run.machine import AssumedMachine
from gptbudget.run.run import ComputeRun, ModelRun, Prediction
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
    """Everything a careful reader must know beside the numbers, most important first."""
    found = [*_time_notes(estimate), *memory_notes(estimate), *_cost_notes(estimate)]
    return [*found, *estimate.run.notes, *_source_notes(estimate)]


def _time_notes(estimate: Estimate) -> list[str]:
    run = estimate.run
    if run.utilization is not None:
        convention = "6ND" if run.convention == "6nd" else "exact"
        given = (
            f"utilization {format_percent(run.utilization)} of the {run.precision} peak as "
            f"given, in {convention} FLOPs"
        )
        return [given, *_goodput_notes(run.goodput)]
    if run.prediction is None:
        return ["no step-time model covers this hardware: give --utilization"]
    prediction = run.prediction
    found = [
        *_prediction_notes(run, prediction, estimate.time),
        *_machine_notes(run, prediction.machine),
    ]
    if run.recipe.offload != "none":
        found.append(
            "the update on the host is taken to need 0.71 ns a parameter, as DeepSpeed's authors "
            "measured; on few cores it needs many times that"
            if run.implementation.stack.speed.host_update_s
            else "states on the host come to the card to be updated"
        )
    return [*found, *_goodput_notes(run.goodput)]


def _prediction_notes(run: ModelRun, prediction: Prediction, time: Time | None) -> list[str]:
    """What the time stands on, and how far such predictions have been off."""
    likely = prediction.time_range
    named = "" if run.asked("stack") else " (default)"
    found = [
        f"time is predicted for the {run.stack} stack{named}, part by part: time.parts in JSON"
    ]
    if time is not None and time.profile is not None:
        logged = time.profile
        found.append(
            f"the time is {time.profile_factor:.3f} times the built-in prediction, after your "
            f"profile {logged.name} of {logged.made}: {format_number(logged.tokens_per_s)} "
            f"tokens/s logged where {format_number(logged.predicted_tokens_per_s)} were predicted "
            "(--no-profile)"
        )
    compared = run.gpu.key in run.setting.evidence.compared_gpus
    unseen = "" if compared else f", and no published run on {run.gpu.key}"
    found.append(
        f"likely range: {likely.low:.2f} to {likely.high:.2f} times the prediction, as for "
        f"{likely.name} ({likely.evidence}{unseen})"
    )
    return found


_WITHOUT = {
    "memory bandwidth": "what passes through memory is left out of the time",
    "speed of the link": "messages over it are left out of the time",
    "slot": "the host, and cards that no link joins, are taken to be behind PCIe 4.0 x16",
    "architecture": "it is taken to be one of before Hopper",
}
"""What a prediction does where a figure of the card is missing."""


def _machine_notes(run: ModelRun, assumed: AssumedMachine) -> list[str]:
    """What had to be assumed of the machine."""
    found = []
    if not assumed.matmul_is_measured and run.recipe.mode != "fp32":
        found.append(
            f"nobody published a measured matmul rate of {run.gpu.key}: "
            f"{format_number(assumed.rates.matmul_flops_per_s / 1e12, 4)} TFLOP/s from its "
            "nominal peak and a share set by hand for its class of card"
        )
    found += [
        f"the {what} of {run.gpu.key} is not known: {_WITHOUT[what]}" for what in assumed.missing
    ]
    if run.origins.get("network") == "default":
        network = run.values["network"]
        found.append(
            f"the layout crosses nodes over {network:g} GB/s of network a GPU (default: --network)"
        )
    return found


def _goodput_notes(goodput: float) -> list[str]:
    if goodput == 1:
        return []
    return [f"goodput {format_percent(goodput)}: the share of the wall clock that is steps"]


def memory_notes(estimate: Estimate) -> list[str]:
    """What the memory bill assumes, and what it leaves out."""
    run, memory = estimate.run, estimate.memory
    if isinstance(run, ComputeRun) or memory is None:
        return [f"memory is not given: {unknown_memory(estimate)}"]
    rank = worst_rank(estimate)
    return [
        *([rank] if rank else []),
        *_accumulation_notes(run, memory),
        *_sixteen_bit_notes(run, memory),
        *_evidence_notes(run),
        *_overhead_notes(run.gpu.spec),
        *_host_notes(run, memory),
    ]


def _sixteen_bit_notes(run: ModelRun, memory: Memory) -> list[str]:
    """Gradients of many micro-batches added in 16 bit lose the small ones."""
    if not memory.sums_in_16_bit(run):
        return []
    return [
        "gradients are accumulated in 16 bit, which rounds small ones away; one large micro-batch "
        "a step, or fp32 accumulation (2 more bytes a parameter), avoids that"
    ]


def _overhead_notes(spec: GpuSpec) -> list[str]:
    """What is left out on hardware whose driver nobody measured."""
    if is_cuda(spec.compute_capability):
        return []
    may_have_one = spec.vendor in {None, "NVIDIA"} and spec.segment != "historic"
    hint = (
        "; for an NVIDIA card, give its compute_capability in the catalog" if may_have_one else ""
    )
    return [
        "driver context, workspaces, the communication library's buffers and allocator slack of "
        f"this hardware are not known and left out{hint}"
    ]


def _evidence_notes(run: ModelRun) -> list[str]:
    """What the memory figures are, where this kind of block was not measured whole."""
    found = []
    if not run.implementation.measured(run.work.spec):
        found.append(
            f"memory figures of the {run.stack} stack are {run.implementation.stack.evidence}"
        )
    unmeasured = [*_unmeasured(run.recipe, run.work.spec), *_unmeasured_layout(run.layout)]
    if unmeasured:
        found.append(f"counted from the implementation, not measured: {', '.join(unmeasured)}")
    return found


_MEASURED = {
    "precision": {"bf16", "fp32"},
    "recipe": {"autocast", "pure"},
    "optimizer": {name for name, spec in OPTIMIZERS.items() if spec.measured},
    "checkpointing": {"none", "full"},
    "loss": {"plain"},
    "offload": {"none"},
}
"""Values of each option that measured steps have."""


def _unmeasured(recipe: Recipe, model: ModelSpec) -> list[str]:
    """What of a recipe and a model no measured step has, in no stack."""
    values = {name: getattr(recipe, field_of(name)) for name in _MEASURED}
    found = [f"--{name} {value}" for name, value in values.items() if value not in _MEASURED[name]]
    method = recipe.method.kind
    if method in {"qlora", "frozen"} or (method == "lora" and not model.ffn.gated):
        found.append(f"--method {method}")
    if model.experts is not None:
        found.append("experts")
    if model.attention.latent is not None:
        found.append("latent attention")
    return found


def _unmeasured_layout(layout: Layout) -> list[str]:
    """What of a layout was not measured; FSDP was, against PyTorch's own tracker."""
    found = {
        f"ZeRO stage {layout.zero}": layout.zero in {1, 2},
        "hybrid sharding": layout.dp_shard not in {None, layout.dp},
        "tensor parallelism": layout.tp > 1,
        "pipeline": layout.pp > 1,
        "context parallelism": layout.cp > 1,
        "expert parallelism": layout.ep > 1,
    }
    return [what for what, applies in found.items() if applies and layout.gpus > 1]


def _host_notes(run: ModelRun, memory: Memory) -> list[str]:
    """What an offload takes in host memory."""
    if not memory.host_bytes:
        return []
    parts = ", ".join(
        f"{part.replace('_', ' ')} {format_bytes(amount)}"
        for part, amount in memory.by_phase.host.items()
    )
    if run.recipe.offload == "none":
        return [f"paged states move to the host when the card is full, and count there: {parts}"]
    return [f"the offload keeps in host memory: {parts}"]


def _accumulation_notes(run: ModelRun, memory: Memory) -> list[str]:
    """What gradient accumulation would add, when the bill leaves it out."""
    if run.recipe.optimizer_impl == "in-backward":
        return ["with the optimizer in the backward pass a step is one micro-batch of each replica"]
    if memory.accumulated_bytes is None:
        return []
    batch = run.global_batch_tokens
    more = memory.accumulated_bytes - memory.peak_bytes
    return [
        f"memory is that of a step of {format_count(run.micro_batch * run.seq_len)} tokens whose "
        f"gradients are freed; accumulating them to {format_count(batch)} tokens adds "
        f"{format_bytes(more)} (--global-batch-tokens {batch})"
    ]


def _cost_notes(estimate: Estimate) -> list[str]:
    run, cost = estimate.run, estimate.cost
    if cost is None:
        return []
    found = []
    price, assumed = run.gpu.spec.rent_per_hour, run.cost
    if assumed.own:
        found.append("money is electricity only, as --kwh-price is given and no --price")
    elif assumed.price_usd_per_hour is None:
        found.append(f"no cloud price of {run.gpu.key} is known: give --price (USD per GPU-hour)")
    elif run.origins.get("price") == "catalog" and price is not None:
        of = median_in_words(run.gpu.spec)
        which = f" of {price.date}" if of is None else f", the {of}"
        found.append(f"price {format_price(price.usd)} per GPU-hour{which}: {price.source}")
    if assumed.power_w is not None and run.origins.get("power") == "catalog":
        found.append(
            f"energy takes the {format_number(assumed.power_w)} W that the catalog gives as an "
            "upper bound, and leaves out what is not in it, such as the host of a card"
        )
    return found


def _source_notes(estimate: Estimate) -> list[str]:
    run = estimate.run
    found = []
    if not run.gpu.spec.sources:
        found.append(f"{run.gpu.key} comes from a user's catalog and cites no source")
    if isinstance(run, ModelRun) and not run.work.spec.sources:
        found.append(f"{run.work.key} comes from a user's catalog and cites no source")
    return found


# --- which GPU of several needs most memory, and why ------------------------------------------


def worst_rank(estimate: Estimate) -> str | None:
    """The rank whose bill is shown, as a clause; ``None`` for a single GPU or without a bill."""
    memory, run = estimate.memory, estimate.run
    if memory is None or isinstance(run, ComputeRun) or run.gpus == 1:
        return None
    if run.layout.pp == 1:
        return "every GPU needs the same"
    rank = memory.by_phase.rank
    return f"{_which(rank.stage, run.layout.pp)} needs most: {_why(rank)}"


def where(run: ModelRun, memory: Memory) -> str:
    """The same as the end of a clause, where GPUs differ: ``on the first of 8 pipeline stages``."""
    stages = run.layout.pp
    return f" on {_which(memory.by_phase.rank.stage, stages)}" if stages > 1 else ""


def _which(stage: int, stages: int) -> str:
    if 0 < stage < stages - 1:
        return f"stage {stage + 1} of {stages} of the pipeline"
    return f"the {'last' if stage else 'first'} of {stages} pipeline stages"


def rank_data(estimate: Estimate) -> Data | None:
    """The same as plain data."""
    text, memory, run = worst_rank(estimate), estimate.memory, estimate.run
    if text is None or memory is None or isinstance(run, ComputeRun):
        return None
    rank = memory.by_phase.rank
    return {
        "stage": rank.stage + 1,
        "stages": run.layout.pp,
        "layers": rank.layers,
        "micro_batches_in_flight": rank.in_flight,
        "text": text,
    }


def _why(rank: Placement) -> str:
    """What a stage holds that others do not."""
    layers = format_many(rank.layers, "block")
    blocks = f"{layers} with {format_many(rank.in_flight, 'micro-batch', 'es')} in flight"
    if rank.first:
        return f"the embedding, and {blocks}"
    if rank.last:
        return f"head, logits and loss beside {layers}"
    frozen = rank.trained_layers < rank.layers
    return f"it trains {rank.trained_layers} of {blocks}" if frozen else blocks
