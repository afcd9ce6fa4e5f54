"""The conventions for counting FLOPs per token, so that published MFUs can be compared.

One training token under each convention. An MFU is tokens/s x FLOPs per token / peak; the
same run is 33 % in one of these and 44 % in another.

Legend: N parameters (the active ones of a mixture of experts), L layers, h width, H heads of
Q channels, s sequence length, V vocabulary.
"""

from collections.abc import Callable
from typing import get_args

from gptbudget.core.arrays import Count, Flops, Number, added
from gptbudget.core.flops import train_flops_per_token, train_flops_per_token_6n
from gptbudget.core.parameters import count_parameters
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.values import FlopsConvention

CONVENTIONS: tuple[FlopsConvention, ...] = get_args(FlopsConvention)


def convention_flops_per_token(
    model: ModelSpec, seq_len: int, convention: FlopsConvention
) -> float:
    """Training FLOPs of one token as ``convention`` counts them."""
    return float(_FORMULAS[convention](model, seq_len))


def mfu(
    tokens_per_s: Number, flops_per_token: Flops, gpus: Count, peak_flops_per_s: Flops
) -> Number:
    """Share of the peak = tokens/s x FLOPs per token / (GPUs x peak).

    llm-foundry prints 46.44 % for 10,643 tokens/s of MPT-7B on one H100 (6 N + 12 L h s).
    """
    return tokens_per_s * flops_per_token / (gpus * peak_flops_per_s)


def exact(model: ModelSpec, seq_len: int) -> float:
    """Every matrix product, attention over the full square."""
    return float(train_flops_per_token(model, seq_len).total)


def causal(model: ModelSpec, seq_len: int) -> float:
    """Every matrix product, half the attention square: what a causal kernel computes."""
    return float(train_flops_per_token(model, seq_len, "causal").total)


def six_n(model: ModelSpec, _seq_len: int) -> float:
    """6 N with all parameters."""
    return float(train_flops_per_token_6n(count_parameters(model).active))


def six_n_no_embedding(model: ModelSpec, _seq_len: int) -> float:
    """6 N without embeddings, positions and head (Kaplan et al. 2020, arXiv 2001.08361, 2.1)."""
    count = count_parameters(model)
    left_out = added(count.parts.get(part, 0) for part in ("embedding", "positions", "head"))
    return float(train_flops_per_token_6n(count.active - left_out))


def palm(model: ModelSpec, seq_len: int) -> float:
    """6 N + 12 L H Q s (PaLM, arXiv 2204.02311, appendix B; nanoGPT, torchtitan).

    N leaves out the position table, and an input embedding that is only looked up; where keys
    and values have widths of their own, Q is their mean. nanoGPT
    prints 875,062,886,400 for a 1,024-token sequence of its GPT-2 small, 0.01 % above exact.
    """
    count = count_parameters(model)
    lookup = count.parts.get("positions", 0)
    if not model.head.tied:
        lookup += count.parts["embedding"]
    scores = model.layers * model.attention.heads * model.score_channels * seq_len
    return 6 * (count.active - lookup) + 6 * scores


def megatron(model: ModelSpec, seq_len: int) -> float:
    """72 L h^2 (1 + s / 6h + V / 12 h L) (Korthikanti et al. 2022, arXiv 2205.05198, eq. 7).

    Valid for GPT: no grouped-query attention, and an ungated feed-forward network of width 4 h.
    """
    layers, width = model.layers, model.width
    rest = seq_len / (6 * width) + model.vocabulary / (12 * width * layers)
    return 72 * layers * width**2 * (1 + rest)


def megatron_hardware(model: ModelSpec, seq_len: int) -> float:
    """96 L h^2 (1 + s / 6h + V / 16 L h) (Narayanan et al. 2021, arXiv 2104.04473, eq. 3).

    Includes the recomputed forward pass, so the result is an HFU, not an MFU.
    """
    layers, width = model.layers, model.width
    rest = seq_len / (6 * width) + model.vocabulary / (16 * width * layers)
    return 96 * layers * width**2 * (1 + rest)


def chinchilla(model: ModelSpec, seq_len: int) -> float:
    """3 x the forward pass of Hoffmann et al. 2022 (arXiv 2203.15556, appendix F).

    Embedding and logits are counted as matmuls with the vocabulary, softmax as three FLOPs per
    score. Their Table A4 is reproduced only without the embedding and logit terms.
    """
    return 3 * (4 * model.vocabulary * model.width + chinchilla_layers(model, seq_len))


def chinchilla_layers(model: ModelSpec, seq_len: int) -> float:
    """Forward FLOPs per token of the blocks, in the Chinchilla convention."""
    width, keys, heads = model.width, model.query_width, model.attention.heads
    attention = 2 * 3 * width * keys + 2 * seq_len * keys * 2 + 3 * heads * seq_len
    return model.layers * (attention + 2 * keys * width + 2 * 2 * width * model.ffn_width)


def llmc(model: ModelSpec, seq_len: int) -> float:
    """6 N + 6 L h s: all parameters and half the attention (llm.c, train_gpt2.cu)."""
    return 6 * count_parameters(model).active + 6 * model.layers * model.width * seq_len


_FORMULAS: dict[FlopsConvention, Callable[[ModelSpec, int], float]] = {
    "exact": exact,
    "causal": causal,
    "6nd": six_n,
    "6nd-no-embedding": six_n_no_embedding,
    "palm": palm,
    "megatron": megatron,
    "megatron-hardware": megatron_hardware,
    "chinchilla": chinchilla,
    "llmc": llmc,
}
