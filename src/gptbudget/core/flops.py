"""Floating-point operations of a model, per token: exact matrix products, and 6 N.

A multiply-add is two. Counted is every matrix product of the forward pass and the two of
its backward pass; left out are lookups, norms, softmax, activations and the optimizer.

Legend: W weights that multiply every token, s sequence length, a heads, d head width,
L layers, N all parameters (the active ones of a mixture of experts).
"""

from __future__ import annotations

from typing import Literal

from gptbudget.core.parameters import count_parameters, matmul_weights
from gptbudget.core.parts import Parts
from gptbudget.specs.model import ModelSpec

Square = Literal["full", "causal"]

_FORWARD_AND_BACKWARD = 3
"""The backward pass has two products for each one of the forward pass."""


def forward_flops_per_token(
    model: ModelSpec, seq_len: int, square: Square = "full"
) -> Parts[float]:
    """FLOPs of one token's forward pass, by component: 2 W + sum of 2 span a (d_qk + d_v).

    ``span`` is how many positions a query meets: s for the full square, as papers and
    frameworks count, (s + 1) / 2 for the causal half, less inside a window.

    """
    parts: dict[str, float] = {
        component: 2 * weights for component, weights in matmul_weights(model).items()
    }
    parts["attention_scores"] = _score_flops_per_token(model, seq_len, square)
    order = ("attention", "attention_scores")
    ranked = [*order, *(component for component in parts if component not in order)]
    return Parts({component: parts[component] for component in ranked}).present()


def train_flops_per_token(model: ModelSpec, seq_len: int, square: Square = "full") -> Parts[float]:
    """FLOPs of one token's forward and backward pass, by component: 3 x forward.

    Published: 874,944,921,600 for a 1,024-token sequence of nanoGPT's GPT-2 small
    (transformer_sizing.ipynb), which is 854,438,400 a token.
    """
    return forward_flops_per_token(model, seq_len, square).scaled(_FORWARD_AND_BACKWARD)


def train_flops_per_token_6n(parameters: float) -> float:
    """The rule of thumb 6 N per token (Kaplan et al. 2020, arXiv 2001.08361, section 2.1).

    Six: a multiply-add in the forward pass and two in the backward pass, per parameter.
    It counts a lookup table as if it multiplied and leaves the attention scores out, which
    is 13 % too little for GPT-2 small at 1,024. GPT-3: 6 x 175e9 x 300e9 = 3.15e23.
    """
    return 6 * parameters


def active_parameters(model: ModelSpec) -> int:
    """The N of 6 N: parameters one token passes through."""
    return count_parameters(model).active


def _score_flops_per_token(model: ModelSpec, seq_len: int, square: Square) -> float:
    """Queries times keys, and probabilities times values, over all layers."""
    windowed = model.windowed_layers
    positions = windowed * _span(seq_len, model.attention.window, square) + (
        model.layers - windowed
    ) * _span(seq_len, None, square)
    return 2 * model.attention.heads * _score_channels(model) * positions


def _score_channels(model: ModelSpec) -> int:
    """Channels met per position and head: d for keys and d for values, d_qk + d_v when latent.

    Relative positions (Transformer-XL) multiply queries with a second set of keys.
    """
    latent = model.attention.latent
    if latent is not None:
        return latent.nope_width + latent.rope_width + latent.value_width
    return (3 if model.positions.kind == "relative" else 2) * model.head_width


def _span(seq_len: int, window: int | None, square: Square) -> float:
    """Mean number of positions a query meets."""
    width = seq_len if window is None else min(window, seq_len)
    if square == "full":
        return width
    return (width * (width + 1) / 2 + (seq_len - width) * width) / seq_len


def recomputed_flops_per_token(model: ModelSpec, seq_len: int, square: Square = "full") -> float:
    """FLOPs that full checkpointing adds per token: the forward pass of the blocks again.

    The head is not recomputed. An upper bound: PyTorch stops early where the last product of
    a block is not needed again. Narayanan et al. 2021 (arXiv 2104.04473, equation 3) count
    the same, 1.33 times the model's own FLOPs for GPT-3.
    """
    forward = forward_flops_per_token(model, seq_len, square)
    return float(forward.total - forward["head"])
