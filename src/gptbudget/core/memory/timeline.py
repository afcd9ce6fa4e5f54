"""Bytes on one GPU at each phase of a training step; the peak is the largest phase.

With several GPUs, the result is for the GPU that needs most; in a pipeline, the worst stage.

Adding weights, gradients, optimizer state, activations and logits up overstates the peak
by up to a quarter: they are never all alive at once. So each phase is counted for itself:

    start            weights, optimizer state, masters (and gradients, when accumulating)
    forward_end      + what every block and the head keep for the backward pass
    forward_peak     + the temporaries of the loss
    loss_backward    + the temporaries of its gradient
    block_backward   head freed; temporaries and gradients of the last block, the first, or the
                     embedding, whichever is largest
    backward_end     every gradient
    optimizer_step   every gradient, and the temporaries of the optimizer

Left out are the driver, library workspaces and the allocator:
:mod:`gptbudget.core.memory.overhead`.

Bytes are whole numbers: each part of a phase is rounded, so that totals are exact and comparisons
for equality work.

Every function takes plain numbers or NumPy arrays for the micro-batch and sequence length.
Legend: b micro-batch (sequences), s sequence length, h model width, V vocabulary, L layers.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from gptbudget.core.arrays import (
    Bytes,
    Count,
    any_true,
    choose,
    maximum,
    minimum,
    same_everywhere,
    where,
    whole,
)
from gptbudget.core.memory.fsdp import Gathering
from gptbudget.core.memory.placement import place, stages_that_may_be_worst
from gptbudget.core.memory.rank import RankAmounts, rank_amounts
from gptbudget.core.parts import Parts
from gptbudget.core.step import TrainingStep

_FLAT_BYTES = 2
"""Bytes per gradient of DeepSpeed's flat 16-bit copy, made before the fp32 copy for the master
weights (deepspeed/runtime/zero/stage_1_and_2.py, get_flat_partition and unscale_and_clip_grads)."""

_TWINS_OUT_OF_PLACE = 2
"""Additional gradients of a tied matrix under FSDP while its two gradients are added: the second
one and the sum (tests/truth/remake_tied.py asks PyTorch's engine)."""

Phase = Literal[
    "start",
    "forward_peak",
    "forward_end",
    "loss_backward",
    "block_backward",
    "backward_end",
    "optimizer_step",
]


class MemoryByPhase(NamedTuple):
    """Whole bytes at each phase, as named parts, and what lives in host memory instead."""

    phases: dict[Phase, Parts[Bytes]]
    host: Parts[Bytes]
    amounts: RankAmounts
    """Those of the GPU that needs most, from which its phases were computed."""
    cached: Bytes
    """Unused memory cached by the allocator at the peak; released before an out-of-memory error."""

    @property
    def peak_bytes(self) -> Bytes:
        """The largest phase, in bytes."""
        return maximum(*(parts.total for parts in self.phases.values()))

    @property
    def peak_phase(self) -> Phase:
        """The phase that is the peak (of a single case, not of arrays)."""
        return max(self.phases, key=lambda phase: self.phases[phase].total)


def memory_by_phase(step: TrainingStep, stage: int | None = None) -> MemoryByPhase | None:
    """Bytes at each phase of a steady training step (optimizer state exists), on the worst rank.

    ``None`` when the attention kind does not exist in this precision. ``stage`` selects a pipeline
    stage; default: the worst.

    Assumes that the caller keeps only the loss (unless ``keep_logits``) and sets gradients to
    None after each step. GPT-2 XL with nanoGPT's blocks at 8 x 1,024 tokens peaks at 45.34 GiB
    (PyTorch's MemTracker), in the backward pass of the loss.
    """
    ranks = []
    for rank in _ranks(step, None if stage is None else [stage]):
        phases = {phase: _largest(moments) for phase, moments in _moments(rank).items()}
        host, cached = rank.states.host.whole(), whole(_cached(rank))
        ranks.append(MemoryByPhase(phases, host, rank, cached))
    return max(ranks, key=lambda each: each.peak_bytes) if ranks else None


def peak_bytes(step: TrainingStep) -> tuple[Bytes, Bytes] | None:
    """The peak of :func:`memory_by_phase`, and what the worst rank has in host memory.

    Also for arrays of degrees ``dp``, ``tp``, ``cp``; each element has its own worst stage.
    """
    worst: tuple[Bytes, Bytes] | None = None
    for rank in _ranks(step):
        every = (moment.total for moments in _moments(rank).values() for moment in moments)
        here = (maximum(*every), rank.states.host.whole().total)
        worst = here if worst is None else choose(here[0] > worst[0], here, worst)
    return worst


def _ranks(step: TrainingStep, stages: Sequence[int] | None = None) -> list[RankAmounts]:
    """The amounts of one rank of each stage; empty when this precision lacks the attention kind."""
    stack, layout = step.stack, step.layout
    in_pipeline = same_everywhere(layout.pp > 1) and any_true(step.micro_batches > 1)
    if stack.keeps_gradients or in_pipeline:
        step = step._replace(recipe=step.recipe._replace(accumulate=True))
    model, method = step.model, step.recipe.method
    if stack.unties_head and model.head.tied:
        model = model.model_copy(update={"head": model.head.model_copy(update={"tied": False})})
        step = step._replace(model=model)
    ranks = []
    for each in stages or stages_that_may_be_worst(model, method, layout, stack.split):
        placement = place(model, method, layout, each, step.micro_batches, split=stack.split)
        rank = rank_amounts(step, placement)
        if rank is None:
            return []
        ranks.append(rank)
    return ranks


def _cached(rank: RankAmounts) -> Bytes:
    """Cached blocks that cannot be reused: fragmentation at the loss, and FSDP's per-stream pools.

    Shards of gradients and gathered weights are allocated in streams of their own, whose freed
    blocks no other stream may take (torch.distributed.fsdp, _fsdp_collectives.py).
    """
    of = rank.gathering
    if of is None:
        return rank.loss.fragmentation
    shards = 0 if rank.recipe.accumulate or of.frees else rank.layers * of.shard
    return rank.loss.fragmentation + shards + of.embedding_and_head


def _moments(rank: RankAmounts) -> dict[Phase, list[Parts[Bytes]]]:
    """The moments at which each phase may reach its peak, in whole bytes."""
    forward, backward = _forward_end(rank), _backward_end(rank)
    loss = _with(forward, temporaries=rank.loss.backward_temporary, **_in_loss(rank, forward=False))
    moments: dict[Phase, list[Parts[Bytes]]] = {
        "start": [rank.begin],
        "forward_peak": _forward_peak(rank, forward),
        "forward_end": [forward],
        "loss_backward": [loss],
        "block_backward": _moments_below_head(rank),
        "backward_end": [backward],
        "optimizer_step": [_with(backward, temporaries=_optimizer_temporaries(rank))],
    }
    return {phase: [each.whole() for each in several] for phase, several in moments.items()}


def _with(states: Parts[Bytes], **more: Bytes) -> Parts[Bytes]:
    """``states`` with parts added to those of the same name."""
    amounts = dict(states.amounts)
    for part, amount in more.items():
        amounts[part] = amounts.get(part, 0) + amount
    return Parts(amounts)


def _largest(moments: list[Parts[Bytes]]) -> Parts[Bytes]:
    """The moment that needs most, case by case."""
    peak, *others = moments
    for moment in others:
        larger = moment.total > peak.total
        names = dict.fromkeys((*peak, *moment))
        peak = Parts({n: where(larger, moment.get(n, 0), peak.get(n, 0)) for n in names})
    return peak


def _gradients(rank: RankAmounts, amount: Bytes) -> Bytes:
    """Gradients a phase adds; 0 with accumulation, because the gradients already exist."""
    return 0 if rank.recipe.accumulate else amount


def _gathered(rank: RankAmounts, blocks: int = 0) -> Bytes:
    """Gathered FSDP weights: those outside the blocks, and ``blocks`` blocks."""
    of = rank.gathering
    return of.embedding_and_head + blocks * of.block if of else 0


def _forward_end(rank: RankAmounts) -> Parts[Bytes]:
    """Everything kept for the backward pass; checkpointed blocks keep no weight copies."""
    full, of = rank.recipe.checkpointing == "full", rank.gathering
    return _with(
        rank.begin,
        gradients=_gradients(rank, rank.loss.fused_head_gradient),
        autocast_copies=rank.loss.head_copy + (0 if full else rank.block_copies),
        activations=rank.saved_by_layers,
        logits=rank.loss.saved + rank.loss.logits_held,
        gathered_weights=_gathered(rank, rank.layers) if of and of.keeps else 0,
        communication_buffers=rank.messages,
    )


def _in_loss(rank: RankAmounts, *, forward: bool) -> dict[str, Bytes]:
    """Gathered FSDP weights during the forward (or backward) pass of the loss."""
    of = rank.gathering
    if of is None:
        return {}
    return {
        "gathered_weights": 0 if of.keeps else of.embedding_and_head,
        "communication_buffers": of.prefetch if forward or not of.keeps else 0,
    }


def _forward_peak(rank: RankAmounts, forward_end: Parts[Bytes]) -> list[Parts[Bytes]]:
    """While the loss is computed; autocast's cache still holds all copies, checkpointed or not.

    It holds those of trained weights only (PyTorch's autocast_mode.cpp, cached_cast). Logits that
    the caller keeps are among the temporaries here.
    """
    trained = not rank.recipe.method.has_adapters
    cached = trained and rank.recipe.checkpointing == "full"
    loss = _with(
        forward_end,
        autocast_copies=rank.block_copies if cached else 0,
        activations=_embedded(rank),
        logits=-rank.loss.logits_held,
        temporaries=rank.loss.forward_temporary,
        **_in_loss(rank, forward=True),
    )
    of = rank.gathering
    if of is None or of.keeps:
        return [loss]
    last_block = _with(  # its gathered weights, and those of the next group
        rank.begin,
        gathered_weights=_gathered(rank, 1),
        communication_buffers=rank.messages + 2 * of.prefetch,
        activations=rank.saved_by_layers,
    )
    return [loss, last_block]


def _moments_below_head(rank: RankAmounts) -> list[Parts[Bytes]]:
    """The backward pass below the head: blocks from the last to the first, then the embedding."""
    if rank.gathering is not None:
        return _gathered_moments(rank, rank.gathering)
    blocks = _blocks_backward(rank)
    return [*blocks, _embedding_backward(rank)] if rank.placement.first else blocks


def _blocks_backward(rank: RankAmounts) -> list[Parts[Bytes]]:
    """Backward pass of the last block, the first in order, and of the first trained block.

    At the last all blocks still hold what they keep, autocast's copies too unless they come back
    block by block. At the first there are all gradients but its own and that of an embedding,
    unless the head is the same matrix.
    """
    states, full = rank.states, rank.recipe.checkpointing == "full"
    common = _with(
        rank.begin,
        logits=rank.loss.logits_held,
        temporaries=rank.block_backward_temporary,
        communication_buffers=rank.messages,
    )
    one_copy = rank.block_copies / rank.layers
    last = _with(
        common,
        gradients=_gradients(rank, int(rank.placement.last) * states.table_gradient),
        autocast_copies=one_copy if full else rank.block_copies,
        activations=rank.saved_by_layers + rank.recomputed,
    )
    of_blocks = maximum(states.gradients - states.table_gradient, 0)
    head = states.table_gradient if rank.model.head.tied else 0
    first = _with(
        common,
        gradients=_gradients(rank, of_blocks * (1 - 1 / rank.layers) + head),
        autocast_copies=one_copy,
        activations=rank.saved_per_layer + (rank.residual if full else 0) + _of_others(rank),
    )
    return [last, first]


def _of_others(rank: RankAmounts) -> Bytes:
    """Activations saved for the other micro-batches in flight."""
    in_flight = rank.placement.in_flight
    return (rank.saved_by_layers - rank.mask) * (1 - 1 / in_flight)


def _embedding_backward(rank: RankAmounts) -> Parts[Bytes]:
    """Backward pass of the embedding: all gradients; two of a tied matrix are added."""
    twins = (1 if rank.recipe.mode == "autocast" else 2) if rank.model.head.tied else 0
    return _with(
        rank.begin,
        gradients=_gradients(rank, rank.states.gradients),
        activations=_of_others(rank),
        logits=rank.loss.logits_held,
        temporaries=twins * int(rank.placement.last) * rank.states.table_gradient + rank.residual,
    )


def _gathered_moments(rank: RankAmounts, of: Gathering) -> list[Parts[Bytes]]:
    """Moments of the FSDP backward pass: blocks at either end, embedding, last reduction."""
    layers = rank.layers
    blocks = [0, minimum(layers - 1, 1), maximum(layers - 2, 0), layers - 1]
    if not hasattr(layers, "__array__"):
        blocks = [*{int(done): done for done in sorted(blocks)}.values()]
    moments = [moment for done in blocks for moment in _gathered_block(rank, of, done)]
    return [*moments, *_gathered_end(rank, of)]


def _shards(rank: RankAmounts, of: Gathering, done: Count) -> Bytes:
    """Gradient shards of the ``done`` blocks; of one if the optimizer frees them as it goes."""
    return _gradients(rank, minimum(done, 1) * of.shard if of.frees else done * of.shard)


def _gathered_block(rank: RankAmounts, of: Gathering, done: Count) -> list[Parts[Bytes]]:
    """Backward pass of a block after ``done`` others: in its network, and in its first norm.

    At the first moment all its activations are alive, at the second all its gradients.
    """
    below = rank.layers - done - 1
    ahead = 0 if of.keeps else minimum(below, 1) * of.prefetch
    saved = _of_others(rank) + rank.mask + below * rank.saved_per_checkpoint
    checkpoint = rank.saved_per_checkpoint if rank.recipe.checkpointing == "full" else 0
    common = _with(
        rank.begin,
        gathered_weights=_gathered(rank, below + 1 if of.keeps else 1),
        communication_buffers=rank.messages + ahead + minimum(done, 1) * of.reduce_scatter_buffer,
        activations=saved,
        logits=rank.loss.logits_held,
    )
    shards = _shards(rank, of, done)
    head = of.table_gradient if rank.placement.last else 0
    return [
        _with(
            common,
            gradients=shards + head + of.network,
            activations=rank.saved_per_checkpoint + rank.recomputed,
            temporaries=rank.block_backward_temporary + 2 * rank.residual,
        ),
        _with(
            common,
            gradients=shards + head + of.layer_gradients,
            activations=checkpoint,
            temporaries=rank.norm_backward_temporary,
        ),
    ]


def _gathered_end(rank: RankAmounts, of: Gathering) -> list[Parts[Bytes]]:
    """All blocks are done: the embedding, and the reduction of the gradients outside the blocks.

    At the embedding the two gradients of a tied matrix are added into a third tensor. For the
    reduction the weights were cut up again.
    """
    tied = rank.model.head.tied and rank.placement.last
    common = _with(
        rank.begin,
        gradients=_shards(rank, of, rank.layers) + of.embedding_and_head_gradients,
        activations=_of_others(rank),
        logits=rank.loss.logits_held,
    )
    embedding = _with(
        common,
        gathered_weights=_gathered(rank),
        communication_buffers=of.reduce_scatter_buffer,
        temporaries=_TWINS_OUT_OF_PLACE * of.table_gradient if tied else 0,
    )
    return [embedding, _with(common, communication_buffers=of.embedding_and_head_reduced)]


def _embedded(rank: RankAmounts) -> Bytes:
    """The embedding's output, which a checkpointed block with adapters needs as a leaf.

    Nothing below the first block is trained, so that it is asked for a gradient in place of the
    weights (transformers, enable_input_require_grads); it and that gradient outlive the step.
    """
    recipe = rank.recipe
    return rank.residual if recipe.method.has_adapters and recipe.checkpointing == "full" else 0


def _backward_end(rank: RankAmounts) -> Parts[Bytes]:
    cut_up = rank.states.gradients - rank.begin["gradients"]
    return _with(
        rank.begin,
        gradients=cut_up if rank.reduces_at_end else _gradients(rank, rank.states.gradients),
        activations=_embedded(rank),
        logits=rank.loss.logits_held,
        temporaries=_embedded(rank),
    )


def _optimizer_temporaries(rank: RankAmounts) -> Bytes:
    """Fused kernels work in place; others allocate copies of one or of all tensors."""
    recipe, states = rank.recipe, rank.states
    if recipe.offload != "none":
        return 0
    if rank.flattens_gradients:
        return (_FLAT_BYTES + 4) * states.trained
    copies = recipe.optimizer_spec.implementations.get(recipe.optimizer_impl)
    if copies is None or not any(copies):
        return 0
    weights = copies.weights * states.weight_bytes_each * states.trained
    tables = (
        copies.table_gradients * states.table_gradient
        + 4 * copies.fp32_tables * rank.placement.embedding_table
    )
    return weights + tables
