"""Time of a whole step: blocks, head, pipeline, data-parallel communication, optimizer."""

from collections.abc import Iterable

from gptbudget.core.arrays import Number, Seconds, choose, same_everywhere
from gptbudget.core.memory.placement import Placement, place, stages_that_may_be_worst
from gptbudget.core.memory.states import training_states
from gptbudget.core.parts import Parts
from gptbudget.core.step import TrainingStep
from gptbudget.core.time.block import LayerTime
from gptbudget.core.time.data_parallel import data_parallel_s
from gptbudget.core.time.exchange import messages_s
from gptbudget.core.time.layer import head_s, layer_s
from gptbudget.core.time.update import host_update_s, offload_s, optimizer_s
from gptbudget.specs.machine import Machine


def step_time(step: TrainingStep, machine: Machine) -> Parts[Seconds]:
    """Seconds of one optimizer step, by part; the step is their sum.

    The slowest stage determines the time: the one with most trained blocks, or the last one, which
    has the head; filling and draining the pipeline takes as long as the other stages need for one
    micro-batch. Frozen blocks below the first trained one have only a forward pass. Left out: data
    loading, evaluation, checkpoints, failures (goodput).
    """
    model, recipe, layout, stack = step.model, step.recipe, step.layout, step.stack
    layer, below = layer_s(step, machine)
    head, micro_batches = head_s(step, machine), step.micro_batches
    stages = [
        place(model, recipe.method, layout, stage, split=stack.split)
        for stage in stages_that_may_be_worst(model, recipe.method, layout, stack.split)
    ]
    trained, frozen, head_here, stage_s = _slowest(stages, layer.total, below.total, head)
    all_frozen = recipe.method.frozen_layers
    whole_s = (model.layers - all_frozen) * layer.total + all_frozen * below.total + head
    busiest = stages[0]  # trains most parameters
    for stage in stages[1:]:
        busiest = choose(stage.trained > busiest.trained, stage, busiest)
    states = training_states(busiest, recipe, layout.zero, stack)
    bubble = (whole_s - stage_s) / layout.vp if same_everywhere(layout.pp > 1) else 0
    of_layers = {
        part: micro_batches * (trained * each + frozen * each_below)
        for part, each, each_below in zip(LayerTime._fields, layer, below, strict=True)
    }
    return Parts(
        {
            **of_layers,
            "logits_and_loss": micro_batches * head_here,
            "pipeline_bubble": bubble,
            "pipeline_messages": messages_s(step, machine, stage_s),
            "data_parallel": data_parallel_s(step, machine, busiest, stage_s),
            "optimizer": optimizer_s(step, machine, busiest, states),
            "offload": offload_s(step, machine, states, stage_s),
            "host_update": host_update_s(step, machine, states),
        }
    )


def _slowest(
    stages: Iterable[Placement], layer_s: Seconds, frozen_s: Seconds, head: Seconds
) -> Seconds:
    """Of the slowest stage: trained and frozen blocks, seconds of its head, and all seconds."""
    slowest: tuple[Number, ...] = (0, 0, 0, -1)
    for stage in stages:
        trained, own_head = stage.trained_layers, head if stage.last else 0
        frozen = stage.layers - trained
        seconds = trained * layer_s + frozen * frozen_s + own_head
        slowest = choose(seconds >= slowest[-1], (trained, frozen, own_head, seconds), slowest)
    return slowest
