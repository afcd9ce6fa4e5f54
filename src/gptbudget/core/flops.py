"""Floating-point operations of a model, per token: exact matrix products, and 6 N.

A multiply-add is two. Every matmul of the forward pass and its two matmuls in the backward pass are
counted. Not counted: lookups, norms, softmax, activations and the optimizer.

Legend: W weights that multiply every token (head once, tied or not; active experts only),
A attention scores, s sequence length, a heads, d head width, L layers, N parameters.
"""

from typing import Literal

from gptbudget.core.arrays import Count, Flops, minimum, real
from gptbudget.core.parameters import (
    adapter_parameters,
    count_parameters,
    frozen_parameters,
    matmul_weights,
    trained_parameters,
)
from gptbudget.core.parts import Parts
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Checkpointing, Method

Square = Literal["full", "causal"]

_FORWARD_AND_BACKWARD = 3
"""The backward pass has two products for each one of the forward pass."""


def forward_flops_per_token(
    model: ModelSpec, seq_len: int, square: Square = "full"
) -> Parts[float]:
    """FLOPs of one token's forward pass, by component: 2 W + sum of 2 span a (d_qk + d_v).

    ``span`` is the number of positions a query attends to: s for the full square, as papers and
    frameworks count, (s + 1) / 2 for the causal half, less inside a window.

    Published: PyTorch's FlopCounterMode gives 32,228,179,968 for 128 tokens of GPT-2 small.
    """
    parts: dict[str, float] = {}
    for component, weights in matmul_weights(model).items():
        parts[component] = 2 * weights
        if component == "attention":
            parts["attention_scores"] = _score_flops_per_token(model, seq_len, square)
    return Parts(parts).present()


def train_flops_per_token(
    model: ModelSpec, seq_len: int, square: Square = "full", method: Method | None = None
) -> Parts[float]:
    """FLOPs of one token's forward and backward pass, by component.

    Full training is 3 x forward. With adapters (LoRA) the frozen weights have no gradient of
    their own: 4 W + 6 n + 3 A for n adapter weights. With the first layers frozen, those run
    forward only, as no gradient reaches them; blocks are assumed to be equal, and a head that is
    tied to the frozen embedding has no gradient of its own.

    Published: 874,944,921,600 for a 1,024-token sequence of nanoGPT's GPT-2 small
    (transformer_sizing.ipynb), which is 854,438,400 a token.
    """
    forward = forward_flops_per_token(model, seq_len, square)
    if method is None or method.kind == "full":
        return forward.scaled(_FORWARD_AND_BACKWARD)
    own: dict[str, float] = {}
    if method.has_adapters:
        passes: float = 2  # no gradient of the frozen weights
        special = {"attention_scores": _FORWARD_AND_BACKWARD}
        adapters = adapter_parameters(model, method.lora_rank, method.lora_targets)
        own["adapters"] = 2 * _FORWARD_AND_BACKWARD * adapters
    else:
        trained = (model.layers - method.frozen_layers) / model.layers
        passes = 1 + (_FORWARD_AND_BACKWARD - 1) * trained
        special = {"head": _FORWARD_AND_BACKWARD - model.head.tied}
    parts = {name: amount * special.get(name, passes) for name, amount in forward.items()}
    return Parts({**parts, **own})


def recomputed_flops_per_token(
    model: ModelSpec,
    seq_len: int,
    recomputation: Checkpointing = "full",
    square: Square = "full",
) -> float:
    """FLOPs that activation checkpointing adds per token.

    Full: the forward pass of the blocks again, without the head; an upper bound, as PyTorch
    stops early where the last product of a block is not needed. Narayanan et al. 2021 (arXiv
    2104.04473, equation 3) count the same, 1.33 times the model's own FLOPs for GPT-3.
    Selective: the attention scores again, 0.9 % for GPT-3 (Korthikanti et al. 2022, arXiv
    2205.05198, appendix A; its equation 8 prints three times that).
    """
    forward = forward_flops_per_token(model, seq_len, square)
    if recomputation == "none":
        return 0.0
    if recomputation == "selective":
        return float(forward["attention_scores"])
    return float(forward.total - forward["head"])


def train_flops_per_token_6n(parameters: Count) -> Flops:
    """The rule of thumb 6 N per token (Kaplan et al. 2020, arXiv 2001.08361, section 2.1).

    Six: a multiply-add in the forward pass and two in the backward pass, per parameter (the
    active ones of a mixture of experts). It counts a lookup table as if it multiplied and
    leaves the attention scores out, which for GPT-2 small at 1,024 tokens gives 13 % too few FLOPs.
    GPT-3: 6 x 175e9 x 300e9 = 3.15e23 (Brown et al. 2020, Table D.1: 3.14e23).
    """
    return 6 * parameters


def six_n_of_method(model: ModelSpec, method: Method) -> float:
    """The rule of thumb for a method: 6 FLOPs per trained active parameter, 4 or 2 per frozen one.

    Frozen weights beside adapters take 4 (forward, and the gradient of their input), those
    below the first trained block 2.
    """
    active, trained = count_parameters(model).active, trained_parameters(model, method)
    if method.has_adapters:
        return 4 * active + 6 * trained
    if method.kind == "full":
        return real(train_flops_per_token_6n(active))
    frozen = frozen_parameters(model, method.frozen_layers, active=True)
    return real(train_flops_per_token_6n(active - frozen) + 2 * frozen)


def _score_flops_per_token(model: ModelSpec, seq_len: int, square: Square) -> float:
    """Queries times keys, and probabilities times values, over all layers."""
    windowed = model.windowed_layers
    positions = windowed * _span(seq_len, model.attention.window, square) + (
        model.layers - windowed
    ) * _span(seq_len, None, square)
    return 2 * model.attention.heads * model.score_channels * positions


def _span(seq_len: int, window: int | None, square: Square) -> float:
    """Mean number of positions a query attends to."""
    width = seq_len if window is None else minimum(window, seq_len)
    if square == "full":
        return width
    return (width * (width + 1) / 2 + (seq_len - width) * width) / seq_len
