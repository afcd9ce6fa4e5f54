"""Logits and loss: what the head of the model keeps and needs, in bytes of one rank."""

from functools import partial
from typing import NamedTuple

from gptbudget.core.arrays import Bytes
from gptbudget.core.memory.activations import autocast_copies, head_tensors, sized
from gptbudget.core.memory.placement import Placement
from gptbudget.core.memory.states import States
from gptbudget.core.step import TrainingStep


class LossAmounts(NamedTuple):
    """Sizes around the logits; zero on ranks without the head."""

    saved: Bytes
    """Kept by the final norm, the head and the loss for the backward pass."""
    logits_held: Bytes
    """Logits that the program itself keeps until the next step."""
    forward_temporary: Bytes
    backward_temporary: Bytes
    head_copy: Bytes
    """Autocast's copy of the head."""
    fused_head_gradient: Bytes
    """Gradient of the head, which a fused loss computes in the forward pass."""
    fragmentation: Bytes
    """Memory lost to fragmentation: the last tensor of the loss fits into no freed block."""


def loss_amounts(step: TrainingStep, placement: Placement, states: States) -> LossAmounts:
    """Compute the sizes around the logits; tensors per logit are those of the chosen loss."""
    recipe, loss, mode = step.recipe, step.implementation.loss, step.recipe.mode
    size, last = partial(sized, step), int(placement.last)
    logits = size({"vocabulary": 1})
    gradient = states.table_gradient
    return LossAmounts(
        saved=last * size(head_tensors(step)),
        logits_held=last * loss.logit_bytes[mode] * logits if recipe.keep_logits else 0,
        forward_temporary=last * size(loss.forward_temporary[mode]),
        backward_temporary=last
        * (size(loss.backward_temporary[mode]) + loss.table_gradients * gradient),
        head_copy=autocast_copies(recipe, last * placement.embedding_table),
        fused_head_gradient=last * gradient if recipe.loss == "fused" else 0,
        fragmentation=last * loss.fragmentation * logits,
    )
