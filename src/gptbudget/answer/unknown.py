"""Why a number of the answer is not known, and what makes it known."""

from gptbudget.run.estimate import Estimate, unknown_memory
from gptbudget.run.run import FlopsAmount

_OF_TIME = frozenset({"compute.available_flops", "compute.ratio"})
_UNKNOWN = {
    "memory.usable_bytes": ("the memory of this card is not known", "give --gpu-memory"),
    "memory.accumulated_bytes": (
        "accumulating gradients adds nothing to the bill, or the bill does not fit without",
        "ask for peak_bytes",
    ),
    "memory.host_bytes": ("nothing lives in host memory", "add --offload optimizer or all"),
    "memory.rank": ("one GPU has no ranks", "give --gpus"),
    "time.low_s": ("a time at a given utilization has no range", "drop --utilization"),
    "time.high_s": ("a time at a given utilization has no range", "drop --utilization"),
    "time.profile": ("no step of this card and stack was logged", "see gptbudget calibrate"),
    "cost.usd": ("no price of this card is known", "give --price (USD per GPU-hour)"),
    "cost.energy_kwh": ("the power of this card is not known", "give --power"),
    "cost.electricity_usd": (
        "it needs a price of electricity and the power of the card",
        "give --kwh-price, and --power where the catalog has none",
    ),
    "cost.co2_kg": (
        "it needs the grid and the power of the card",
        "give --grid, and --power where the catalog has none",
    ),
    "cost.purchase": ("nobody published what this card costs", "ask for cost.usd"),
}
"""Why a number is not known, and what to do; of other numbers it is the shape that is missing."""


def why_unknown(estimate: Estimate, path: str) -> tuple[str, str]:
    """Why a number of the answer is not known, and what to do about it."""
    section, memory = path.partition(".")[0], unknown_memory(estimate)
    if section == "memory" and memory is not None and path != "memory.usable_bytes":
        return f"memory is not known, as {memory}", "--explain lists what is known"
    if estimate.time is None and (section in {"time", "cost"} or path in _OF_TIME):
        return "no time is predicted for this hardware", "give --utilization"
    flops = isinstance(estimate.run.work, FlopsAmount)
    what = "an amount of FLOPs" if flops else "a bare size"
    return _UNKNOWN.get(path, (f"{what} has no shape", "name a model of the catalog"))
