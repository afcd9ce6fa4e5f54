"""Memory as figures: the bill of one GPU, or one bar a pair."""

from collections.abc import Mapping, Sequence

from gptbudget.answer.page.page import Amount, Bill, Stacked
from gptbudget.answer.verdict import subject
from gptbudget.run.estimate import Estimate, Memory
from gptbudget.units import format_bytes


def memory_figures(estimate: Estimate) -> tuple[Stacked, ...]:
    """The bill of the peak against the card, and of the host where something lives there."""
    memory = estimate.memory
    if memory is None:
        return ()
    phase = memory.phase.replace("_", " ")
    card = Stacked(f"Memory at the peak: {phase}", "bytes", (_bill(memory, phase),))
    if not memory.host_bytes:
        return (card,)
    host = _limit("host", memory.host_memory_bytes)
    bill = Bill("host", parts_of(memory.by_phase.host), _amount("total", memory.host_bytes), host)
    return (card, Stacked("Host memory", "bytes", (bill,)))


def memory_of_all(estimates: Sequence[Estimate]) -> tuple[Stacked, ...]:
    """One bar a pair, each against its own card."""
    bills = tuple(
        _bill(each.memory, subject(each)) for each in estimates if each.memory is not None
    )
    title = "Memory of one GPU against its card"
    return (Stacked(title, "bytes", bills, each_its_own=True),) if bills else ()


def _bill(memory: Memory, label: str) -> Bill:
    total = _amount("needed", memory.peak_bytes)
    return Bill(label, parts_of(memory.parts), total, _limit("usable", memory.usable_bytes))


def parts_of(amounts: Mapping[str, float]) -> tuple[Amount, ...]:
    """Bytes by part, in words."""
    return tuple(_amount(name.replace("_", " "), amount) for name, amount in amounts.items())


def _amount(label: str, amount: float) -> Amount:
    return Amount(label, float(amount), format_bytes(amount))


def _limit(label: str, amount: float | None) -> Amount | None:
    return None if amount is None else _amount(label, amount)
