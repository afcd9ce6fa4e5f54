"""Laws that are one power of the compute each, as their authors' tables or constants give them.

Legend: N parameters, D tokens, C = 6 N D training FLOPs.
"""

from typing import NamedTuple

from gptbudget.core.arrays import Count, Flops


class SizeLaw(NamedTuple):
    """N = scale x C^exponent."""

    name: str
    scale: float
    exponent: float
    source: str

    def parameters(self, flops: Flops) -> Count:
        """Parameters that make the best of a budget; what is left is tokens, C / (6 N).

        Published (Hoffmann et al. 2022): 67e9 by approach 1 and 63e9 by approach 2 at 5.76e23.
        """
        return self.scale * flops**self.exponent


APPROACH_1 = SizeLaw(
    "Chinchilla approach 1",
    0.09874,
    0.4981,
    "least-squares line through the logarithms of https://arxiv.org/abs/2203.15556, Table 3",
)
APPROACH_2 = SizeLaw(
    "Chinchilla approach 2",
    0.1447,
    0.4900,
    "least-squares line through the logarithms of https://arxiv.org/abs/2203.15556, Table A3",
)

TOKENS_PER_PARAMETER = 20
"""The rule of thumb that approaches 1 and 2 come down to around 1e20 to 1e24 FLOP."""


def parameters_at_fixed_ratio(flops: Flops, tokens_per_parameter: float) -> Count:
    """Parameters N with D = r N tokens: sqrt(C / (6 r)).

    Example: Chinchilla itself, 70e9 parameters at 5.76e23 FLOP and 20 tokens a parameter
    (Hoffmann et al. 2022, Table 1), 69.3e9 here.
    """
    return (flops / (6 * tokens_per_parameter)) ** 0.5


def deepseek_model_flops(flops: Flops) -> Flops:
    """Non-embedding FLOPs per token M that make the best of C = M D: 0.1715 C^0.5243.

    M counts attention scores too, so that N is about M / 6 (DeepSeek LLM, arXiv 2401.02954,
    equation 4). Its tokens are ``deepseek_tokens``.
    """
    return 0.1715 * flops**0.5243


def deepseek_tokens(flops: Flops) -> Count:
    """Tokens D that make the best of C = M D: 5.8316 C^0.4757 (the same equation).

    Published: M D = C by construction, 1.000 here at 1e20 FLOP.
    """
    return 5.8316 * flops**0.4757
