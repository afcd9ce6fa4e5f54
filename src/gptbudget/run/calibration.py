"""Calibration: turn one logged step of the user's run into a profile for its card and stack."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gptbudget.catalog.profiles import save_profile
from gptbudget.core.flops import train_flops_per_token
from gptbudget.errors import UsageError
from gptbudget.run.estimate import Estimate, one_estimate
from gptbudget.run.question import Question
from gptbudget.run.run import ComputeRun, ModelRun
from gptbudget.specs.values import Figure
from gptbudget.units import format_bytes, format_number

if TYPE_CHECKING:
    from gptbudget.specs.profile import Profile


class Calibration(NamedTuple):
    """A saved profile, and the uncalibrated estimate it was compared with."""

    estimate: Estimate
    profile: "Profile"
    replaced: bool
    """Whether an earlier profile of this card and stack was replaced."""


def profile_of(
    estimate: Estimate, tokens_per_s: float, peak_bytes: float | None, figure: Figure
) -> "Profile":
    """Return the profile for a logged step of the estimated run.

    Raises:
        UsageError: no time is predicted, or the logged speed or peak exceeds what the card can do.
    """
    import datetime as dt

    from gptbudget.specs.profile import Profile

    run, time, memory = estimate.run, estimate.time, estimate.memory
    if isinstance(run, ComputeRun) or run.prediction is None or time is None:
        raise UsageError("no time is predicted of this run", "drop --utilization, name a model")
    if wrong := beyond_the_card(run, tokens_per_s):
        raise UsageError(
            f"--tokens-per-s {format_number(tokens_per_s)} {wrong}",
            "give tokens/s of all GPUs, and the model and GPUs they were logged on",
        )
    if wrong := beyond_its_memory(run, peak_bytes):
        raise UsageError(f"--peak {wrong}", "give the peak of one GPU")
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
        run=run.shape,
    )


def beyond_the_card(run: ModelRun, tokens_per_s: float) -> str | None:
    """What is wrong with a speed that the accelerators cannot reach; ``None`` where they can.

    No step passes the peak, or a measured rate above it. Half of the attention square is the least
    that a causal model computes; recomputation is not counted.
    """
    if run.prediction is None:
        return None
    rates = run.prediction.machine.rates
    best = max(run.peak_flops_per_s, float(rates.matmul_flops_per_s * rates.narrow_ratio))
    flops = train_flops_per_token(run.work.spec, run.seq_len, "causal", run.recipe.method).total
    needed = tokens_per_s * float(flops) / run.gpus
    if needed <= best:
        return None
    return (
        f"needs {format_number(needed / 1e12, 3)} TFLOP/s of each {run.gpu.key}, whose best is "
        f"{format_number(best / 1e12, 3)}"
    )


def beyond_its_memory(run: ModelRun, peak_bytes: float | None) -> str | None:
    """What is wrong with a peak that is more than the card has; ``None`` where it is not."""
    size = run.gpu.spec.memory_bytes
    if peak_bytes is None or size is None or peak_bytes <= size:
        return None
    return f"{format_bytes(peak_bytes)} is more than the {format_bytes(size)} of {run.gpu.key}"


def calibrate(
    question: Question,
    tokens_per_s: float,
    peak_bytes: float | None = None,
    figure: Figure = "card",
    catalogs: Iterable[Path] = (),
) -> Calibration:
    """Turn one logged step into a profile of the card and the software, and save it.

    Raises:
        UsageError: more than one pair, no prediction to compare with, or an impossible measurement.
    """
    unprofiled = question.options.changed(no_profile=True)
    plain = question._replace(options=unprofiled)
    estimate = one_estimate(plain, catalogs, "calibrate takes")
    profile = profile_of(estimate, tokens_per_s, peak_bytes, figure)
    return Calibration(estimate, profile, save_profile(profile))
