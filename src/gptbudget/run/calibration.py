"""One logged step of the user's own run becomes a profile of its card and software."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gptbudget.catalog.profiles import save_profile
from gptbudget.core.flops import train_flops_per_token
from gptbudget.errors import UsageError
from gptbudget.run.estimate import Estimate, compare
from gptbudget.run.profiles import shape_of
from gptbudget.run.question import Question
from gptbudget.run.run import ComputeRun, ModelRun, Prediction
from gptbudget.specs.evidence import Figure
from gptbudget.units import format_bytes, format_number

if TYPE_CHECKING:
    from gptbudget.specs.profile import Profile


class Calibration(NamedTuple):
    """A profile that was saved, and the built-in estimate it is held against."""

    estimate: Estimate
    profile: "Profile"
    replaced: bool
    """There was one for this card and software."""


def profile_of(
    estimate: Estimate, tokens_per_s: float, peak_bytes: float | None, figure: Figure
) -> "Profile":
    """The profile that a logged step of the estimated run makes.

    Raises:
        UsageError: no time is predicted, or the step is faster, or the peak larger, than the card.
    """
    import datetime as dt

    from gptbudget.specs.profile import Profile

    run, time, memory = estimate.run, estimate.time, estimate.memory
    if isinstance(run, ComputeRun) or run.prediction is None or time is None:
        raise UsageError("no time is predicted of this run", "drop --utilization, name a model")
    _refuse_faster_than_the_card(run, run.prediction, tokens_per_s)
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
        predicted_tokens_per_s=run.tokens / (time.wall_clock_s * run.goodput),
        peak_bytes=peak_bytes,
        predicted_peak_bytes=memory.figure(figure) if memory and peak_bytes else None,
        figure=figure if peak_bytes else None,
        run=shape_of(run),
    )


def fastest_flops_per_s(run: ModelRun, prediction: Prediction) -> float:
    """What no step of ``run`` can pass on one GPU: its peak, or a measured rate above that."""
    machine = prediction.machine.rates
    return max(run.peak_flops_per_s, float(machine.matmul_flops_per_s * machine.narrow_ratio))


def least_flops_per_s(run: ModelRun, tokens_per_s: float) -> float:
    """What each accelerator computes at a speed, at the least.

    Half the attention square, nothing run again: no kernel of a causal model computes less.
    """
    flops = train_flops_per_token(run.work.spec, run.seq_len, "causal", run.recipe.method).total
    return tokens_per_s * float(flops) / run.gpus


def _refuse_faster_than_the_card(
    run: ModelRun, prediction: Prediction, tokens_per_s: float
) -> None:
    rate = fastest_flops_per_s(run, prediction)
    needed = least_flops_per_s(run, tokens_per_s)
    if needed > rate:
        raise UsageError(
            f"--tokens-per-s {format_number(tokens_per_s)} needs {format_number(needed / 1e12, 3)} "
            f"TFLOP/s of each {run.gpu.key}, whose best is {format_number(rate / 1e12, 3)}",
            "give tokens/s of all GPUs, and the model and GPUs they were logged on",
        )


def calibrate(
    question: Question,
    tokens_per_s: float,
    peak_bytes: float | None = None,
    figure: Figure = "card",
    catalogs: Iterable[Path] = (),
) -> Calibration:
    """Turn one logged step into a profile of the card and the software, and save it.

    Raises:
        UsageError: several pairs, nothing to compare with, or a measurement that cannot be.
    """
    unprofiled = question.options.changed(no_profile=True)
    found = compare(question._replace(options=unprofiled), catalogs).estimates
    if len(found) != 1:
        raise UsageError(f"calibrate takes one pair, not {len(found)}", "name one gpu, one model")
    profile = profile_of(found[0], tokens_per_s, peak_bytes, figure)
    return Calibration(found[0], profile, save_profile(profile))
