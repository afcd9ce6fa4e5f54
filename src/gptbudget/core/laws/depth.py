"""How deep a transformer of some width should be (Levine et al. 2020, arXiv 2006.12467)."""

import math

_A, _B = 5.039, 0.0555
"""Their fit to the widths at which depth begins to pay; it gives the abstract's 30e3."""
_HALVINGS = 60


def width_at_depth(layers: float) -> float:
    """Width h from which on L layers are worth their depth: exp(5.039 + 0.0555 L).

    A narrower model of so many layers does no better than a wider one of fewer layers with as
    many parameters. Fitted to depths of 6 to 48; beyond, it is extrapolated.

    Published: 30e3 for the 95 layers that a model of 1e12 parameters should have (abstract).
    """
    return math.exp(_A + _B * layers)


def deepest_layers(block_parameters: float) -> float:
    """Layers beyond which depth is no better than width, for 12 L h^2 parameters of blocks.

    Example: 80 layers for GPT-3's 174e9, which has 96 ("too deep for its size").
    """
    low, high = 0.01, 1000.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        smaller = 12 * middle * width_at_depth(middle) ** 2 < block_parameters
        low, high = (middle, high) if smaller else (low, middle)
    return high
