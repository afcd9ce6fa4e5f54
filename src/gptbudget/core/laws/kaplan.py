"""The law of Kaplan et al. 2020 (arXiv 2001.08361), an allocation of old.

N counts no embeddings.
"""

from gptbudget.core.arrays import Count, Flops

_PF_DAY = 8.64e19
"""FLOPs of one PF-day."""


def kaplan_parameters(flops: Flops) -> Count:
    """Non-embedding parameters N = 1.3e9 C_min^0.73, C_min in PF-days (their Table 6).

    C_min is the compute at a batch far below the critical one; training at the critical batch
    takes twice as much, so that C_min = C / 2. Fixed learning-rate schedules made this law ask
    for too large models (Hoffmann et al. 2022, section 2): it is shown, not followed.

    Published: 4.68e9 at 1e21 FLOP (Hoffmann et al. 2022, appendix D.4).
    """
    return 1.3e9 * (flops / 2 / _PF_DAY) ** 0.73
