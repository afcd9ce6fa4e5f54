"""Communication buffers of one rank: gradient buckets, gathered inputs and pipeline messages."""

from gptbudget.core.arrays import Bytes, Count, minimum, same_everywhere, where
from gptbudget.core.memory.placement import Placement
from gptbudget.core.memory.states import States, data_parallel_mode, gradient_bytes
from gptbudget.core.step import TrainingStep

_BUCKET = 5e8
"""Gradients that DeepSpeed reduces at once by default, ``reduce_bucket_size``:
https://www.deepspeed.ai/docs/config-json/#zero-optimizations-for-fp16-training."""


def gradient_buckets(step: TrainingStep, placement: Placement, states: States) -> Bytes:
    """Copies of gradients that are alive all through training, for their reduction.

    DistributedDataParallel stores every gradient a second time in its buckets, unless gradients are
    views of the buckets (``gradient_as_bucket_view``, off by default; on where ZeRO shares the
    optimizer: torch.distributed.optim.ZeroRedundancyOptimizer). DeepSpeed allocates one bucket,
    even on a single rank.
    """
    recipe, layout, stack = step.recipe, step.layout, step.stack
    sharing = data_parallel_mode(recipe, layout.zero, stack)
    if sharing == "flattened":
        return gradient_bytes(recipe, stack) * minimum(_BUCKET, placement.trained)
    if sharing != "replicas" or layout.zero:
        return 0
    return where(layout.dp > 1, states.gradients, 0)


def messages(step: TrainingStep, in_flight: Count) -> Bytes:
    """Buffers of tensor, context, pipeline and expert parallelism during a pass, in bytes.

    Sequence parallelism gathers the input of a product; a ring
    holds keys and values of two neighbours; a stage sends and receives one micro-batch each way,
    and keeps its outputs, unless its stack frees them (Korthikanti et al. 2022, appendix B: 2.73
    GiB for 530B over 35 stages); tokens go to their experts and come back.
    """
    model, layout, mode = step.model, step.layout, step.recipe.mode
    tokens = step.tokens
    residual, product = (2 if mode == "pure" else 4), (4 if mode == "fp32" else 2)
    whole = residual * tokens * model.width
    boundary = whole / (layout.tp if layout.sequence_parallel else 1)
    total: Bytes = whole if layout.sequence_parallel else 0
    neighbours = 2 * 2 * product * tokens * model.kv_width / layout.tp
    total = total + where(layout.cp > 1, neighbours, 0)
    if same_everywhere(layout.pp > 1):
        outputs = 0 if step.stack.frees_outputs else in_flight * boundary
        total = total + 2 * boundary + outputs
    if layout.ep > 1 and model.experts is not None:
        total = total + 2 * model.experts.active * boundary
    return total
