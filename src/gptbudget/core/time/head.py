"""Logits and loss on the last stage."""

from gptbudget.core.arrays import Seconds
from gptbudget.core.step import TrainingStep
from gptbudget.core.time.matmul import product_s, traffic_s
from gptbudget.specs.machine import Machine

_FUSED_BYTES = 8
"""Of a logit, where loss and gradient are one kernel; as in native stacks."""


def head_s(step: TrainingStep, machine: Machine) -> Seconds:
    """Seconds of the head's products and of the loss over the vocabulary, in 16 bit.

    Three products, two where the head is frozen: beside adapters, or tied to a frozen embedding. A
    fused loss makes gradients of logits while it has them at hand (llm.c, fused_classifier; Liger
    Kernel).
    """
    model, method, logit_bytes = step.model, step.recipe.method, step.stack.speed.logit_bytes
    tokens, vocabulary = step.tokens, model.vocabulary / step.layout.tp
    frozen = method.has_adapters or (method.frozen_layers and model.head.tied)
    products = 2 if frozen else 3
    one = product_s(tokens, vocabulary, model.embedding_width or model.width, machine)
    each = min(logit_bytes, _FUSED_BYTES) if step.recipe.loss == "fused" else logit_bytes
    return products * one + traffic_s(each * tokens * vocabulary, machine)
