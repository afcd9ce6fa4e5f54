"""A model that will be used: smaller and trained longer, so that all its FLOPs together are few.

Legend: N parameters, D training tokens, I tokens of inference, C = 6 N D; Sardana et al. 2024
(arXiv 2401.00448): of all models of one loss, the one with least 6 N D + 2 N I.
"""

import math

from gptbudget.core.laws.chinchilla import BESIROGLU, ChinchillaLaw, compute_optimal_parameters

_HALVINGS = 100


def parameters_for_inference(
    flops: float, inference_tokens: float, fit: ChinchillaLaw = BESIROGLU
) -> float:
    """Parameters N on the frontier of 6 N D + 2 N I at a training budget C = 6 N D.

    Least total compute at one loss asks alpha A / N^alpha = (1 + I / (3 D)) beta B / D^beta; the
    left falls and the right rises with N at a fixed C, so halving finds the one N. Scalars only.
    Without inference it is the Chinchilla optimum.

    Example: of the loss of the 70e9 optimum and I = 1e13, 32.7e9 parameters on 3.67e12 tokens:
    29.1 % fewer FLOPs in all than the optimum of training alone.
    """

    def too_small(parameters: float) -> bool:
        tokens = flops / (6 * parameters)
        by_size = fit.alpha * fit.a / parameters**fit.alpha
        by_tokens = fit.beta * fit.b / tokens**fit.beta
        return bool(by_size > by_tokens * (1 + inference_tokens / (3 * tokens)))

    high = math.log(compute_optimal_parameters(flops, fit))
    low = high
    while not too_small(math.exp(low)):
        low -= 1
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if too_small(math.exp(middle)) else (low, middle)
    return math.exp(high)


def total_flops(parameters: float, tokens: float, inference_tokens: float) -> float:
    """FLOPs of training and use together: 6 N D + 2 N I."""
    return parameters * (6 * tokens + 2 * inference_tokens)
