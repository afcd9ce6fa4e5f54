"""The optimizer's step, and the traffic of what lives on the host."""

from gptbudget.core.arrays import Count, Seconds, added, minimum
from gptbudget.core.memory.placement import Placement
from gptbudget.core.memory.states import States, ways
from gptbudget.core.time import collectives as comm
from gptbudget.core.time.matmul import traffic_s
from gptbudget.specs.layout import Zero
from gptbudget.specs.machine import Machine
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Recipe
from gptbudget.specs.stack import Speed

_GRADIENT_READS = 3
"""For its norm, for the update, and to be zeroed."""


def optimizer_s(
    model: ModelSpec,
    placement: Placement,
    recipe: Recipe,
    states: States,
    machine: Machine,
    zero: Zero,
    gradient_bytes_each: float,
) -> Seconds:
    """Seconds of the update of what a rank holds: all it keeps is read and written once.

    Llama-3 8B unsharded on an H100 at 80 % of its bandwidth and 28 bytes, with neither norm nor
    zeroing of 16-bit gradients: 83.9 ms. States on the host are updated there.
    """
    if recipe.offload != "none":
        return 0
    weights = states.weight_bytes_each * states.trained
    passes = (
        1 if recipe.weight_storage == "master" else 2
    )  # written from masters, else read and written
    kept = 2 * (states.masters + states.optimizer_state) + passes * weights
    gradients = gradient_bytes_each * states.trained
    seconds = traffic_s(kept + _GRADIENT_READS * gradients, machine)
    optimizer = recipe.optimizer_spec
    if optimizer.newton_schulz_flops:
        matrices = added(
            minimum(held.trained, held.matrices) / ways(held, zero, optimizer.sharded_from)
            for held in placement.kinds
        )
        flops = optimizer.newton_schulz_flops * model.width * matrices
        seconds = seconds + flops / (machine.matmul_flops_per_s * machine.sustained_share)
    return seconds


def host_update_s(recipe: Recipe, states: States, speed: Speed, ranks_on_host: Count) -> Seconds:
    """Seconds in which the host updates what an offload keeps there.

    The ranks of a host share its processors and memory. DeepSpeed's CPU Adam took 8.2 s for 11.6
    billion parameters (https://github.com/deepspeedai/DeepSpeed/pull/735), 0.71 ns each; with few
    cores it was 16 ns (https://github.com/deepspeedai/DeepSpeed/issues/1635).
    """
    if recipe.offload == "none":
        return 0
    return speed.host_update_s * states.trained * ranks_on_host


def offload_s(
    recipe: Recipe,
    states: States,
    machine: Machine,
    micro_batches: Count,
    micro_batch_s: Seconds,
    overlap: Count,
) -> Seconds:
    """Seconds that a step waits for the host.

    Paged states come and go once a step. Of an optimizer on the host gradients go there and
    updated weights come back, once a step. Of everything on the host a rank's share of the weights
    comes for the forward and again for the backward pass of every micro-batch, 4-bit ones packed,
    and gradients go back, beside its computation (ZeRO-Infinity, arXiv 2104.07857): ``overlap``
    is the share of it that can be, 0 where data-parallel ranks already use it.
    """
    if recipe.offload == "none":
        return 2 * states.host.get("optimizer_state", 0) / machine.host_bytes_per_s
    moved = states.host["gradients"] + states.weight_bytes_each * states.trained
    if recipe.offload == "optimizer":
        return moved / machine.host_bytes_per_s
    each_s = (2 * states.host["weights"] + states.host["gradients"]) / machine.host_bytes_per_s
    return micro_batches * comm.exposed_s(each_s, micro_batch_s, overlap)
