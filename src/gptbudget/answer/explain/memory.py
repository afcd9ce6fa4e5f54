"""The steps of the memory bill: what is alive on the worst GPU at the peak, and around it."""

from typing import Any

from gptbudget.answer.explain.sources import SOURCES, Formula
from gptbudget.answer.explain.steps import Book
from gptbudget.core.memory.activations import layer_parts, sized
from gptbudget.core.memory.placement import ParameterShard, Placement
from gptbudget.core.memory.rank import RankAmounts
from gptbudget.run.estimate import Memory
from gptbudget.run.run import ModelRun

_AMOUNTS: dict[str, Formula] = {
    "saved_per_layer": "activations",
    "saved_per_checkpoint": "checkpointing",
    "recomputed": "checkpointing",
    "mask": "activations",
    "saved_by_layers": "activations",
    "head_saved": "logits",
    "logits_held": "logits",
    "messages": "messages",
    "block_copies": "autocast",
    "head_copy": "autocast",
    "fused_head_gradient": "states",
    "fragmentation": "logits",
}

_PARTS: dict[str, Formula] = {
    "weights": "states",
    "gradients": "states",
    "optimizer_state": "states",
    "masters": "states",
    "autocast_copies": "autocast",
    "activations": "activations",
    "logits": "logits",
    "gathered_weights": "fsdp",
    "communication_buffers": "messages",
    "driver_context": "context",
    "workspaces": "context",
    "collectives": "collectives",
    "allocator_slack": "slack",
}

_WORKSPACES = "what cuBLAS and cuBLASLt ask for: https://docs.nvidia.com/cuda/cublas"
_SUM = "the sum of the parts"


def explain_memory(book: Book, run: ModelRun, memory: Memory, plain: Memory) -> None:
    """Write down the bill of the peak phase, part by part, and the verdict."""
    _amounts(book, run, memory.by_phase.amounts)
    phase = plain.phase
    section = f"memory at the peak: {phase.replace('_', ' ')}"
    inside = [_part(book, section, part, memory, plain) for part in plain.by_phase.phases[phase]]
    framework = memory.by_phase.peak_bytes
    figure = plain.by_phase.peak_bytes
    tensors = book.state(
        section, "framework_bytes", framework, "B", SOURCES["phases"], figure, parts=inside
    )
    _per_token(book, section, run, memory, plain)
    around = [_part(book, section, part, memory, plain) for part in plain.overhead]
    bill, figure = memory.peak_bytes, plain.peak_bytes
    book.state(section, "peak_bytes", bill, "B", _SUM, figure, parts=[tensors, *around])
    if plain.accumulated_bytes is not None:
        accumulated = memory.accumulated_bytes
        source = "the largest phase when gradients are accumulated, and what is around it"
        book.state(section, "accumulated_bytes", accumulated, "B", source, plain.accumulated_bytes)
    for part, number in memory.by_phase.host.items():
        figure = plain.by_phase.host[part]
        if figure:
            book.state(section, f"host_{part}_bytes", number, "B", SOURCES["offload"], figure)
    if plain.host_bytes:
        book.state(section, "host_bytes", memory.host_bytes, "B", _SUM, plain.host_bytes)
    _left(book, section, memory, plain)


def _per_token(book: Book, section: str, run: ModelRun, memory: Memory, plain: Memory) -> None:
    """Activations as they are quoted: bytes of a token and layer, before recomputation."""
    if "activations" not in plain.parts:
        return
    tokens: Any = run.micro_batch * run.seq_len / run.layout.cp
    each = memory.by_phase.amounts.saved_per_layer / tokens
    figure = plain.by_phase.amounts.saved_per_layer / float(tokens)
    source = "what a block keeps, of one token of the GPU"
    book.state(section, "bytes_per_token_and_layer", each, "B/token", source, figure)


def _left(book: Book, section: str, memory: Memory, plain: Memory) -> None:
    """What decides whether it fits."""
    kinds = (
        ("left_bytes", "usable_bytes", "peak_bytes"),
        ("left_accumulating_bytes", "usable_bytes", "accumulated_bytes"),
        ("left_on_host_bytes", "host_memory_bytes", "host_bytes"),
    )
    for name, has, needs in kinds:
        known: Any = getattr(plain, has)
        needed: Any = getattr(plain, needs)
        if known is not None and needed is not None:
            left = getattr(memory, has) - getattr(memory, needs)
            book.state(section, name, left, "B", SOURCES["usable"], known - needed)


def _part(book: Book, section: str, part: str, memory: Memory, plain: Memory) -> Any:
    """One part of the bill; nothing where it takes nothing."""
    if part not in plain.parts:
        return 0
    source = SOURCES[_PARTS.get(part, "phases")]
    source = _WORKSPACES if part == "workspaces" else source
    return book.state(section, f"{part}_bytes", memory.parts[part], "B", source, plain.parts[part])


def _amounts(book: Book, run: ModelRun, step: RankAmounts) -> None:
    """Names of everything that a rank holds and keeps."""
    _placement(book, step.placement)
    states = step.states
    tokens = run.micro_batch * run.seq_len / run.layout.cp
    book.define("micro_batch_tokens", tokens, "tokens", "of one GPU")
    book.define("micro_batches", run.micro_batches, "", "of a step and replica")
    book.define("table_gradient_bytes", states.table_gradient, "B", SOURCES["states"])
    alike = states.gradients is states.weights
    word = "weights_or_gradients" if alike else "all_gradients"
    book.define(f"{word}_bytes", states.gradients, "B", SOURCES["states"])
    for name in ("optimizer_state", "masters"):
        book.define(f"all_{name}_bytes", getattr(states, name), "B", SOURCES["states"])
    kept = {
        part: sized(step.model, tensors, run.micro_batch, run.seq_len, run.layout)
        for part, tensors in (
            layer_parts(step.model, step.recipe, run.implementation) or {}
        ).items()
    }
    for part, number in kept.items():
        book.define(f"kept_by_{part}_bytes", number, "B", SOURCES["activations"])
    source = SOURCES["activations"]
    book.define("bytes_kept_by_a_block", step.saved_per_layer, "B", source, kept.values())
    book.define("in_flight", step.placement.in_flight, "", SOURCES["pipeline"])
    for name, source in _AMOUNTS.items():
        book.define(f"{name}_bytes", getattr(step, name), "B", SOURCES[source])
    if step.gathering is not None:
        for name, number in step.gathering._asdict().items():
            if not isinstance(number, bool):
                book.define(f"fsdp_{name}_bytes", number, "B", SOURCES["fsdp"])


def _placement(book: Book, placement: Placement) -> None:
    """Parameters of the rank that needs most."""
    held: dict[str, ParameterShard] = {
        "blocks": placement.dense,
        "experts": placement.experts,
        "ends": placement.embedding_and_head,
        "block": placement.block,
        "block_experts": placement.block_experts,
    }
    for kind, each in held.items():
        for field in ("parameters", "trained", "matrices"):
            word = field if field == "parameters" else f"{field}_parameters"
            number = getattr(each, field)
            book.define(f"{kind}_{word}_of_gpu", number, "", SOURCES["placement"])
    book.define("table_parameters_of_gpu", placement.embedding_table, "", SOURCES["placement"])
    book.define("network_parameters_of_gpu", placement.network, "", SOURCES["placement"])
