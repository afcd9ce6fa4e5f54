"""The optimizer's step, and traffic to and from the host."""

from gptbudget.core.arrays import Seconds, added, minimum, where
from gptbudget.core.memory.placement import Placement
from gptbudget.core.memory.states import States, gradient_bytes, pieces
from gptbudget.core.step import TrainingStep
from gptbudget.core.time import collectives as comm
from gptbudget.core.time.matmul import traffic_s
from gptbudget.specs.machine import Machine

_GRADIENT_READS = 3
"""Passes over gradients: gradient norm, update, and zeroing."""


def optimizer_s(
    step: TrainingStep, machine: Machine, placement: Placement, states: States
) -> Seconds:
    """Seconds of the optimizer step of one rank: states and weights are read and written once.

    Llama-3 8B unsharded on an H100 at 80 % of its bandwidth and 28 bytes, with neither norm nor
    zeroing of 16-bit gradients: 83.9 ms. States on the host are updated there.
    """
    recipe = step.recipe
    if recipe.offload != "none":
        return 0
    weights = states.weight_bytes_each * states.trained
    passes = 1 if recipe.weight_storage == "master" else 2  # written only, else read first
    moved = 2 * (states.masters + states.optimizer_state) + passes * weights
    gradients = gradient_bytes(recipe, step.stack) * states.trained
    seconds = traffic_s(moved + _GRADIENT_READS * gradients, machine)
    optimizer = recipe.optimizer_spec
    if optimizer.newton_schulz_flops:
        matrices = added(
            minimum(held.trained, held.matrices)
            / pieces(held, step.layout.zero, optimizer.sharded_from)
            for held in placement.kinds
        )
        flops = optimizer.newton_schulz_flops * step.model.width * matrices
        seconds = seconds + flops / (machine.matmul_flops_per_s * machine.sustained_share)
    return seconds


def host_update_s(step: TrainingStep, machine: Machine, states: States) -> Seconds:
    """Seconds of the optimizer step on the host for offloaded states.

    The ranks of a host share its processors and memory. DeepSpeed's CPU Adam took 8.2 s for 11.6
    billion parameters (https://github.com/deepspeedai/DeepSpeed/pull/735), 0.71 ns each; with few
    cores it was 16 ns (https://github.com/deepspeedai/DeepSpeed/issues/1635).
    """
    if step.recipe.offload == "none":
        return 0
    ranks_on_host = minimum(step.layout.gpus, machine.node_gpus)
    return step.stack.speed.host_update_s * states.trained * ranks_on_host


def offload_s(
    step: TrainingStep, machine: Machine, states: States, micro_batch_s: Seconds
) -> Seconds:
    """Exposed seconds per step of transfers between GPU and host.

    Paged states are moved in and out once per step. With ``--offload optimizer``, gradients are
    sent to the host and updated weights come back once per step. With ``--offload all``, the
    weights are fetched for the forward and again for the backward pass of every micro-batch, 4-bit
    ones packed, and gradients go back, beside its computation (ZeRO-Infinity, arXiv 2104.07857),
    unless data-parallel ranks use that time already.
    """
    offload, layout = step.recipe.offload, step.layout
    if offload == "none":
        return 2 * states.host.get("optimizer_state", 0) / machine.host_bytes_per_s
    moved = states.host["gradients"] + states.weight_bytes_each * states.trained
    if offload == "optimizer":
        return moved / machine.host_bytes_per_s
    each_s = (2 * states.host["weights"] + states.host["gradients"]) / machine.host_bytes_per_s
    ways = minimum(layout.tp, layout.expert_ways) if step.model.experts else layout.tp
    alone = layout.dp * layout.cp * layout.tp == ways  # no rank has the same parameters
    overlap = where(alone, step.stack.speed.overlap, 0)
    return step.micro_batches * comm.exposed_s(each_s, micro_batch_s, overlap)
