"""A calibration profile: one logged step of the user's run and its prediction."""

from typing import Any

from gptbudget.specs.base import Positive, Spec, Text, YearMonth
from gptbudget.specs.values import Figure


class Profile(Spec):
    """Measured and predicted speed and peak of one run."""

    gpu: Text
    stack: Text
    made: YearMonth
    tokens_per_s: Positive
    """Of all accelerators, as logged."""
    predicted_tokens_per_s: Positive
    """By the built-in formula, for the same run."""
    peak_bytes: Positive | None = None
    predicted_peak_bytes: Positive | None = None
    figure: Figure | None = None
    """Kind of the peak: allocated, reserved or card."""
    run: dict[str, Any]
    """The options of the run, by name."""

    @property
    def name(self) -> str:
        """Card and software, which a profile is for."""
        return f"{self.gpu}/{self.stack}"

    @property
    def slower(self) -> float:
        """Measured over predicted time."""
        return self.predicted_tokens_per_s / self.tokens_per_s
