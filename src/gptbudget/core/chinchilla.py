"""The law of Hoffmann et al. 2022 and its fits: loss, compute-optimal size and tokens.

Legend: N parameters, D tokens, C = 6 N D training FLOPs, L(N, D) = E + A / N^alpha + B / D^beta
in nats a token.
"""

from typing import NamedTuple

from gptbudget.core.arrays import Count, Flops, Number


class ChinchillaLaw(NamedTuple):
    """Constants of one fit of L(N, D) and their source."""

    name: str
    irreducible: float
    a: float
    b: float
    alpha: float
    beta: float
    source: str

    @property
    def size_exponent(self) -> float:
        """The a of N = G (C/6)^a: beta / (alpha + beta), 0.513 for Besiroglu et al."""
        return self.beta / (self.alpha + self.beta)


BESIROGLU = ChinchillaLaw(
    name="Besiroglu et al. 2024",
    irreducible=1.8172,
    a=482.01,
    b=2085.43,
    alpha=0.3478,
    beta=0.3658,
    source="https://arxiv.org/abs/2404.10102 and its notebook, "
    "https://github.com/epoch-research/analyzing-chinchilla",
)

HOFFMANN = ChinchillaLaw(
    name="Chinchilla approach 3, unrounded",
    irreducible=1.6933972,
    a=406.4,
    b=410.7,
    alpha=0.33917084,
    beta=0.2849083,
    source="https://arxiv.org/abs/2203.15556, section 3.3; unrounded constants from its TeX source "
    "in https://github.com/epoch-research/analyzing-chinchilla",
)

MUENNIGHOFF = ChinchillaLaw(
    name="Muennighoff et al. 2023",
    irreducible=1.8691,
    a=520.8,
    b=1487.7,
    alpha=0.3526596,
    beta=0.3526596,
    source="https://arxiv.org/abs/2305.16264 and https://github.com/huggingface/datablations",
)


def compute_optimal_tokens(parameters: Count, fit: ChinchillaLaw = BESIROGLU) -> Count:
    """Return the tokens D for which N parameters are compute-optimal, at compute 6 N D.

    D = (beta B N^alpha / (alpha A))^(1 / beta), the point where the loss falls equally fast
    along N and D for a fixed N D. Assumes fresh tokens and the corpus of the fit. The
    rounded constants printed by Hoffmann et al. 2022 are not used: rounding an exponent to two
    digits changes the answer by a factor of several at large N (Besiroglu et al., section 3).

    Example: 3.130e9 tokens for the 124,439,808 parameters of GPT-2 small, and 18.4 tokens a
    parameter at Chinchilla's budget of 5.76e23 FLOP.
    """
    ratio = fit.beta * fit.b / (fit.alpha * fit.a)
    return (ratio * parameters**fit.alpha) ** (1 / fit.beta)


def compute_optimal_parameters_for(tokens: Count, fit: ChinchillaLaw = BESIROGLU) -> Count:
    """Return the parameters N for which D tokens are compute-optimal: the inverse of the above.

    Example: 124,439,808 parameters for the 3.130e9 tokens that are best for GPT-2 small.
    """
    ratio = fit.alpha * fit.a / (fit.beta * fit.b)
    return (ratio * tokens**fit.beta) ** (1 / fit.alpha)


def compute_optimal_parameters(flops: Flops, fit: ChinchillaLaw = BESIROGLU) -> Count:
    """Return the compute-optimal parameters N for C = 6 N D FLOPs: G (C/6)^(beta / (alpha + beta)).

    G = (alpha A / (beta B))^(1 / (alpha + beta)) (Hoffmann et al. 2022, equation 4); the tokens
    follow as C / (6 N).

    Published: 40e9 at Gopher's 5.76e23 FLOP with the constants of Hoffmann et al. (section 3.3);
    72.2e9 with those of Besiroglu et al.
    """
    ratio = fit.alpha * fit.a / (fit.beta * fit.b)
    scale = ratio ** (1 / (fit.alpha + fit.beta))
    return scale * (flops / 6) ** fit.size_exponent


def predicted_loss(parameters: Count, tokens: Count, fit: ChinchillaLaw = BESIROGLU) -> Number:
    """Loss L(N, D) in nats a token of the corpus and the tokenizer of the fit.

    Fresh tokens, and a learning rate that decays over exactly D. Other corpora and tokenizers
    differ: GPT-2-like runs on web text end 0.15 to 0.3 higher.

    Example: 3.01 for GPT-2 small on 10e9 tokens, where llm.c reports 3.29 on FineWeb.
    """
    return fit.irreducible + fit.a / parameters**fit.alpha + fit.b / tokens**fit.beta
