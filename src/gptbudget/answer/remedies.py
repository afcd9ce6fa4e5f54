"""Changes that make a run fit, as sentences and as plain data."""

from gptbudget.answer.command import command, flags
from gptbudget.answer.document import Data
from gptbudget.run.estimate import Estimate
from gptbudget.run.run import ComputeRun, ModelRun
from gptbudget.search.changes import Changed
from gptbudget.search.remedies import moves_to_host, remedies
from gptbudget.units import format_bytes


def remedies_data(estimate: Estimate, name: str = "compare") -> list[Data]:
    """Return the changes that make the run fit; empty if it fits or memory is unknown."""
    run, memory = estimate.run, estimate.memory
    if isinstance(run, ComputeRun) or memory is None or memory.fits_accumulated is not False:
        return []
    return [remedy_data(run, changed, name) for changed in remedies(run, memory)]


def remedy_data(run: ModelRun, changed: Changed, name: str) -> Data:
    """One remedy as plain data."""
    return {
        "text": _sentence(run, changed, name),
        "command": command(run, name, changed.changes),
        "changes": {change.option: change.value for change in changed.changes},
        "peak_bytes": changed.memory.peak_bytes,
        "host_bytes": changed.memory.host_bytes or None,
        "flops_ratio": changed.flops_ratio,
        "costs_quality": changed.costs_quality,
        "sums_in_16_bit": changed.sums_in_16_bit,
    }


def advice(result: Data) -> tuple[str, ...]:
    """Return the remedies as sentences that end in a command, or a sentence that there are none."""
    memory = result["memory"]
    sentences = tuple(f"to fit: {remedy['text']}" for remedy in result["remedies"])
    missing = memory["fits"] is False and not sentences
    cards = "one card" if result["gpus"] == 1 else "these cards"
    return (f"no change of the recipe makes it fit on {cards}",) if missing else sentences


def _sentence(run: ModelRun, changed: Changed, name: str) -> str:
    host = changed.memory.host_bytes
    needs = [f"{format_bytes(changed.memory.peak_bytes)} on the card"]
    if host:
        needs.append(f"{format_bytes(host)} of host memory")
    needs.append(cost_in_words(changed))
    asked = command(run, name, changed.changes)
    return f"{flags(run, changed.changes)} ({', '.join(needs)}): {asked}"


def cost_in_words(changed: Changed) -> str:
    """Describe the cost of a change: FLOPs, host traffic, quality."""
    flops = f"{changed.flops_ratio - 1:+.0%} FLOPs"
    words = ["no more FLOPs" if abs(changed.flops_ratio - 1) < _NOTHING else flops]
    if any(map(moves_to_host, changed.changes)):
        words.append("traffic to the host")
    if changed.sums_in_16_bit:
        words.append("sums gradients in 16 bit")
    if changed.costs_quality:
        words.append("costs quality")
    return ", ".join(words)


_NOTHING = 0.005
