"""The laws of Kaplan et al. 2020 (arXiv 2001.08361): an allocation of old, and the critical batch.

N counts no embeddings; losses are nats a token of WebText2 in GPT-2's vocabulary.
"""

from __future__ import annotations

from typing import Any

_PF_DAY = 8.64e19
"""FLOPs of one PF-day."""


def kaplan_parameters(flops: Any) -> Any:
    """Non-embedding parameters N = 1.3e9 C_min^0.73, C_min in PF-days (their Table 6).

    C_min is the compute at a batch far below the critical one; training at the critical batch
    takes twice as much, so that C_min = C / 2. Fixed learning-rate schedules made this law ask
    for too large models (Hoffmann et al. 2022, section 2): it is shown, not followed.

    Published: 4.68e9 at 1e21 FLOP (Hoffmann et al. 2022, appendix D.4).
    """
    return 1.3e9 * (flops / 2 / _PF_DAY) ** 0.73


def kaplan_loss(parameters: Any) -> Any:
    """Loss of N non-embedding parameters on endless data: (8.8e13 / N)^0.076 (equation 1.1).

    Example: 2.306 for the 1.475e9 of GPT-2 XL.
    """
    return (8.8e13 / parameters) ** 0.076


def critical_batch_tokens(loss: Any) -> Any:
    """Tokens in a batch beyond which more of them save few steps: 2e8 / L^(1/0.21) (equation 1.4).

    Good for the order of magnitude only: both loss and batch are those of WebText2.

    Example: 0.68e6 tokens at a loss of 3.3, 1.36e6 at 2.85; GPT-2-like runs take 0.5e6.
    """
    return 2e8 / loss ** (1 / 0.21)
