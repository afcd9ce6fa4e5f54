"""The answer in one sentence: enough compute, enough memory, how long."""

from gptbudget.answer.quantities import tag
from gptbudget.run.estimate import Estimate, Memory, unknown_memory
from gptbudget.run.run import ComputeRun, FlopsAmount
from gptbudget.units import format_bytes, format_count, format_duration, format_flops

WORD = {True: "Yes", False: "No", None: "Unknown"}


def verdict(estimate: Estimate) -> str:
    """Return the answer in one sentence: feasible or not, why, and the time and memory needed."""
    amounts = f"{_time_amount(estimate)} and {_memory_amount(estimate)}"
    return f"{_answer(estimate)}: {subject(estimate)} {amounts}."


def subject(estimate: Estimate) -> str:
    """Return model and hardware: ``gpt2-xl on 1 x rtx-4070-ti``."""
    run = estimate.run
    work = format_flops(run.work.flops) if isinstance(run.work, FlopsAmount) else run.work.key
    return f"{work} on {run.gpus} x {run.gpu.key}"


def _answer(estimate: Estimate) -> str:
    """Yes, no or unknown, and which of compute and memory suffices."""
    compute, memory = estimate.enough_compute, estimate.fits
    words = {True: "suffices", False: "does not suffice", None: "is unknown"}
    if compute is memory is True:
        clause = "compute and memory suffice"
    elif compute is memory is False:
        clause = "neither compute nor memory suffices"
    elif compute is not None and memory is not None:
        good, bad = ("compute", "memory") if compute else ("memory", "compute")
        clause = f"{good} suffices, {bad} does not"
    else:
        clause = f"compute {words[compute]}, memory {words[memory]}"
    if isinstance(estimate.run, ComputeRun):
        return clause[0].upper() + clause[1:]
    if estimate.feasible is False and compute and memory:
        clause = "compute and memory suffice, but a requirement of the scenario does not hold"
        if estimate.memory is not None and estimate.memory.fits_accumulated is False:
            clause = "compute suffices, memory only without gradient accumulation"
    return f"{WORD[estimate.feasible]}: {clause}"


def _time_amount(estimate: Estimate) -> str:
    """Time of the horizon, or why it is not known."""
    time, tokens = estimate.time, estimate.run.tokens
    if time is None:
        return "takes an unknown time (not predicted for this hardware: give --utilization)"
    horizon = format_duration(estimate.run.horizon_s)
    work = "" if tokens is None else f" for {format_count(tokens)} tokens{tag(estimate, 'tokens')}"
    return f"takes {format_duration(time.wall_clock_s)} of {horizon}{work}"


def _memory_amount(estimate: Estimate) -> str:
    """Memory of the card, or why it is not known."""
    memory = estimate.memory
    if memory is None:
        return f"unknown memory ({unknown_memory(estimate)})"
    more = ""
    if memory.fits and not memory.fits_accumulated:
        more = f" ({format_bytes(memory.accumulated_bytes or 0)} accumulating)"
    usable = memory.usable_bytes
    host = "" if usable is None else host_amount(memory)
    return f"{format_bytes(memory.peak_bytes)}{more} {of_usable(usable)}{host}"


def of_usable(usable_bytes: float | None) -> str:
    """Return ``of <usable memory>``, as the end of a clause."""
    return f"of {'unknown memory' if usable_bytes is None else format_bytes(usable_bytes)}"


def host_amount(memory: Memory) -> str:
    """Return the host memory an offload needs, as the end of a clause; empty without offload."""
    if not memory.host_bytes:
        return ""
    given = memory.host_memory_bytes
    of = "" if given is None else f" of {format_bytes(given)}"
    return f" and {format_bytes(memory.host_bytes)}{of} of host memory"
