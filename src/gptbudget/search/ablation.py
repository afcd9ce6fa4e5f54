"""Ablation: the effect of each choice of a way to train on time and memory."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gptbudget.errors import UsageError
from gptbudget.run.estimate import ModelEstimate, estimate
from gptbudget.search.candidate import PLAIN, Candidate, SearchSpec, complete
from gptbudget.search.evaluate import BATCH_TOLERANCE

_DEGREES = ("tp", "pp", "vp", "cp", "ep", "zero")
_LAYOUT = (*_DEGREES, "sequence_parallel")
"""All degrees count as one choice, because removing one alone would not divide the GPUs."""


class Ablation(NamedTuple):
    """The effect of one choice, compared with the same run without it."""

    choice: Mapping[str, Any]
    time_ratio: float | None
    """Wall clock with the choice / without it; ``None`` if the run without it is not possible."""
    saved_bytes: int | None
    """On the card; negative where it needs more."""


def distances(space: SearchSpec, candidate: Candidate) -> list[Ablation]:
    """Return the effect of each choice of a candidate that differs from the default."""

    def with_choices(choices: Mapping[str, Any]) -> ModelEstimate:
        return estimate(complete(space, candidate.gpu, choices))

    whole = with_choices(candidate.choices)

    def ablation(choice: Mapping[str, Any], without: Mapping[str, Any]) -> Ablation:
        """The effect of a choice; unknown if the global batch differs without it."""
        unknown = Ablation(choice, None, None)
        try:
            other = with_choices(without)
        except UsageError:
            return unknown
        steps = whole.run.global_batch_tokens / other.run.global_batch_tokens
        same_step = abs(steps - 1) <= BATCH_TOLERANCE
        if not (same_step and whole.time and other.time and whole.memory and other.memory):
            return unknown
        ratio = whole.time.wall_clock_s / other.time.wall_clock_s
        return Ablation(choice, ratio, other.memory.needed_bytes - whole.memory.needed_bytes)

    return [ablation(*pair) for pair in _taken_back(candidate.choices)]


def _taken_back(
    choices: Mapping[str, Any],
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yield each non-default choice, and all choices with that one reset to its default."""
    layout = {name: choices[name] for name in _DEGREES if int(choices.get(name, 1)) > 1}
    if choices.get("sequence_parallel"):
        layout["sequence_parallel"] = True
    if layout.keys() - {"zero"}:
        yield layout, {name: each for name, each in choices.items() if name not in _LAYOUT}
    for name, plain in PLAIN.items():
        if name not in _LAYOUT and choices.get(name, plain) != plain:
            yield {name: choices[name]}, {**choices, name: plain}
