"""How far a way to train is from the plain one: what each choice does to time and memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gptbudget.errors import UsageError
from gptbudget.run.estimate import Estimate, estimate
from gptbudget.run.run import NamedModel, RunContext
from gptbudget.search.candidate import Candidate, Hunt, complete
from gptbudget.search.evaluate import BATCH_TOLERANCE
from gptbudget.specs.evidence import Evidence

_PLAIN: dict[str, Any] = {
    "method": "full",
    "recipe": None,
    "optimizer": "adamw",
    "offload": "none",
    "checkpointing": "none",
    "loss": "plain",
    "micro_batch": 1,
}
"""What each choice is in a plain recipe, in the order in which they are told."""

_DEGREES = ("tp", "pp", "vp", "cp", "ep", "zero", "sequence_parallel")
"""Together they are one choice: one degree alone does not divide."""


class Distance(NamedTuple):
    """One choice, and what is otherwise the same run without it."""

    choice: Mapping[str, Any]
    time_ratio: float | None
    """Wall clock with it over that without; ``None`` where there is no such run."""
    saved_bytes: int | None
    """On the card; negative where it needs more."""


def distances(
    hunt: Hunt,
    candidate: Candidate,
    work: NamedModel,
    evidence: Evidence,
    context: RunContext,
) -> list[Distance]:
    """Each choice of a candidate that is not plain, beside the same run without it."""

    def run_of(choices: Mapping[str, Any]) -> Estimate | None:
        try:
            run = complete(hunt, candidate.gpu, work, evidence, choices, context=context)
        except UsageError:
            return None
        return estimate(run)

    whole = run_of(candidate.choices)
    assert whole is not None
    found = []
    for choice, without in _taken_back(candidate.choices):
        other = run_of(without)
        if other is None or not _comparable(whole, other):
            found.append(Distance(choice, None, None))
            continue
        assert other.time is not None
        assert whole.time is not None
        ratio = whole.time.wall_clock_s / other.time.wall_clock_s
        found.append(Distance(choice, ratio, needed_bytes(other) - needed_bytes(whole)))
    return found


def _comparable(one: Estimate, other: Estimate) -> bool:
    """Whether both are known, and train with about as many tokens a step."""
    known = one.time and other.time and one.memory and other.memory
    steps = (one.run.global_batch_tokens or 1) / (other.run.global_batch_tokens or 1)
    return bool(known) and abs(steps - 1) <= BATCH_TOLERANCE


def needed_bytes(found: Estimate) -> int:
    """The bill, with gradients accumulated where a step has several micro-batches."""
    assert found.memory is not None
    return max(found.memory.peak_bytes, found.memory.accumulated_bytes or 0)


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
