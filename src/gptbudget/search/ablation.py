"""How far a way to train is from the plain one: what each choice does to time and memory."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gptbudget.errors import UsageError
from gptbudget.run.estimate import ModelEstimate, estimate
from gptbudget.search.candidate import Candidate, SearchSpec, complete
from gptbudget.search.evaluate import BATCH_TOLERANCE
from gptbudget.specs.optimizers import DEFAULT_OPTIMIZER

_PLAIN: dict[str, Any] = {
    "method": "full",
    "recipe": None,
    "optimizer": DEFAULT_OPTIMIZER,
    "offload": "none",
    "checkpointing": "none",
    "loss": "plain",
    "micro_batch": 1,
}
"""What each choice is in a plain recipe, in the order in which they are told."""

_DEGREES = ("tp", "pp", "vp", "cp", "ep", "zero", "sequence_parallel")
"""Together they are one choice: one degree alone does not divide."""


class Ablation(NamedTuple):
    """One choice, and what is otherwise the same run without it."""

    choice: Mapping[str, Any]
    time_ratio: float | None
    """Wall clock with it over that without; ``None`` where there is no such run."""
    saved_bytes: int | None
    """On the card; negative where it needs more."""


def distances(space: SearchSpec, candidate: Candidate) -> list[Ablation]:
    """Each choice of a candidate that is not plain, beside the same run without it."""

    def run_of(choices: Mapping[str, Any]) -> ModelEstimate:
        return estimate(complete(space, candidate.gpu, choices))

    whole = run_of(candidate.choices)
    found = []
    for choice, without in _taken_back(candidate.choices):
        try:
            found.append(_distance(choice, whole, run_of(without)))
        except UsageError:
            found.append(Ablation(choice, None, None))
    return found


def _distance(choice: Mapping[str, Any], whole: ModelEstimate, other: ModelEstimate) -> Ablation:
    """What a choice does; unknown where a step has another number of tokens without it."""
    steps = whole.run.global_batch_tokens / other.run.global_batch_tokens
    if abs(steps - 1) > BATCH_TOLERANCE:
        return Ablation(choice, None, None)
    if not (whole.time and other.time and whole.memory and other.memory):
        return Ablation(choice, None, None)
    ratio = whole.time.wall_clock_s / other.time.wall_clock_s
    return Ablation(choice, ratio, other.memory.needed_bytes - whole.memory.needed_bytes)


def _taken_back(
    choices: Mapping[str, Any],
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each choice that is not plain, and all of them with that one plain."""
    degrees_on = {name: choices.get(name, 1) for name in _DEGREES}
    layout = {name: value for name, value in degrees_on.items() if value is True or int(value) > 1}
    degrees = {name: value for name, value in layout.items() if name != "zero"}
    if degrees:
        kept = {name: value for name, value in choices.items() if name not in _DEGREES}
        yield layout, kept
    for name, plain in _PLAIN.items():
        if name in choices and choices[name] != plain:
            yield {name: choices[name]}, {**choices, name: plain}
