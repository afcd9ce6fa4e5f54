"""One logged step, carried to other runs on the same card with the same software.

The step time is off by a factor that is partly the machine's and the program's, and so the same for
other shapes. Carrying 70 % of its logarithm lowers errors of published runs most (see
``plan.validation.carried``); the very run that was logged gets all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from gptbudget.core.arrays import real
from gptbudget.errors import UsageError
from gptbudget.plan.run import TrainingRun
from gptbudget.specs.evidence import Figure
from gptbudget.specs.options import ADAPTER_OPTIONS, LAYOUT_OPTIONS, RECIPE_OPTIONS
from gptbudget.units import format_bytes, format_number

if TYPE_CHECKING:
    from gptbudget.plan.estimate import Estimate
    from gptbudget.specs.profile import Profile

CARRIED = 0.7
"""Of the log ratio of measured and predicted time, to other shapes; chosen on published runs."""


class Calibration(NamedTuple):
    """A profile that was saved, and the built-in estimate it is held against."""

    estimate: Estimate
    profile: Profile
    replaced: bool
    """There was one for this card and software."""


_SHAPE = (
    "model",
    "gpus",
    "seq_len",
    "micro_batch",
    "global_batch_tokens",
    "precision",
    *RECIPE_OPTIONS,
    "method",
    *ADAPTER_OPTIONS,
    *LAYOUT_OPTIONS,
)
"""Options that make two runs the same."""


def shape_of(run: TrainingRun) -> dict[str, Any]:
    """The options of a run that its speed and memory depend on."""
    return {name: run.values[name] for name in _SHAPE if run.values.get(name) is not None}


def time_factor(profile: Profile | None, run: TrainingRun) -> float:
    """By what predicted seconds are longer; 1 without a profile."""
    if profile is None:
        return 1.0
    return real(profile.slower ** carried_share(profile, run))


def carried_share(profile: Profile, run: TrainingRun) -> float:
    """All for the run that was logged, a part for any other."""
    return 1.0 if is_same_run(profile.run, run) else CARRIED


def is_same_run(logged: Mapping[str, Any], run: TrainingRun) -> bool:
    """Whether the logged options are those of ``run``."""
    return dict(logged) == shape_of(run)


def profile_of(
    estimate: Estimate, tokens_per_s: float, peak_bytes: float | None, figure: Figure
) -> Profile:
    """The profile that a logged step of the estimated run makes.

    Raises:
        UsageError: no time is predicted, or the step is faster, or the peak larger, than the card.
    """
    import datetime as dt

    from gptbudget.specs.profile import Profile

    run, time, memory = estimate.run, estimate.time, estimate.memory
    if time is None or time.tokens_per_s is None or run.machine is None:
        raise UsageError("no time is predicted of this run", "drop --utilization, name a model")
    _refuse_faster_than_the_card(estimate, tokens_per_s)
    size = run.gpu.spec.memory_bytes
    if peak_bytes is not None and size is not None and peak_bytes > size:
        raise UsageError(
            f"--peak {format_bytes(peak_bytes)} is more than the {format_bytes(size)} of "
            f"{run.gpu.key}",
            "give the peak of one GPU",
        )
    if peak_bytes is not None and memory is None:
        raise UsageError("no memory is predicted of this run", "drop --peak")
    return Profile(
        gpu=run.gpu.key,
        stack=run.stack,
        made=dt.datetime.now(tz=dt.UTC).date().isoformat(),
        tokens_per_s=tokens_per_s,
        predicted_tokens_per_s=time.tokens_per_s,
        peak_bytes=peak_bytes,
        predicted_peak_bytes=memory.figure(figure) if memory and peak_bytes else None,
        figure=figure if peak_bytes else None,
        run=shape_of(run),
    )


def fastest_flops_per_s(run: TrainingRun) -> float:
    """What no step of ``run`` can pass on one GPU: its peak, or a measured rate above that."""
    assert run.machine is not None
    machine = run.machine.machine
    return max(run.peak_flops_per_s, float(machine.matmul_flops_per_s * machine.narrow_ratio))


def _refuse_faster_than_the_card(estimate: Estimate, tokens_per_s: float) -> None:
    """A causal kernel's FLOPs are the least that a step computes."""
    run, required = estimate.run, estimate.compute.required_flops_causal
    assert required is not None
    assert run.tokens is not None
    rate = fastest_flops_per_s(run)
    needed = tokens_per_s * required / run.tokens / run.gpus
    if needed > rate:
        raise UsageError(
            f"--tokens-per-s {format_number(tokens_per_s)} needs {format_number(needed / 1e12, 3)} "
            f"TFLOP/s of each {run.gpu.key}, whose best is {format_number(rate / 1e12, 3)}",
            "give tokens/s of all GPUs, and the model and GPUs they were logged on",
        )
