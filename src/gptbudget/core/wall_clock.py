"""From FLOPs to seconds by one utilization factor."""

from __future__ import annotations

from typing import Any


def delivered_flops_per_s(
    gpus: Any, peak_flops_per_s: Any, utilization: Any, goodput: Any = 1.0
) -> Any:
    """FLOP/s that reach the model = GPUs x peak x utilization x goodput.

    ``utilization`` is the share of the dense peak in a steady step (MFU when the FLOPs are
    the model's own); ``goodput`` the share of the wall clock that is such steps.

    Example: 40.09e12 x 0.9 x 31,536,000 s = 1.138e21 FLOP in a year of one RTX 4070 Ti at
    90 % of its fp32 peak.
    """
    return gpus * peak_flops_per_s * utilization * goodput


def wall_clock_s(required_flops: Any, delivered: Any) -> Any:
    """Seconds = required FLOPs / delivered FLOP/s, both in the same convention.

    Narayanan et al. 2021 (arXiv 2104.04473, section 5.1): 8 x 300e9 x 175e9 FLOP at 1,024 x
    140e12 FLOP/s take 34 days (recomputation counted on both sides).
    """
    return required_flops / delivered
