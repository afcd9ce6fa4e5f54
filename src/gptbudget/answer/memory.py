"""The answer of ``memory``: the peak of one GPU by part and phase, and changes that lower it."""

from collections.abc import Mapping

from gptbudget.answer.command import flags
from gptbudget.answer.data import answer, request_data
from gptbudget.answer.document import Data, Document, Table, grid
from gptbudget.answer.notes import memory_notes, where
from gptbudget.answer.quantities import assumed, table
from gptbudget.answer.remedies import advice, cost_in_words, remedies_data, remedy_data
from gptbudget.answer.verdict import WORD, host_amount, of_usable, subject
from gptbudget.run.estimate import Bill, Memory
from gptbudget.run.run import ModelRun
from gptbudget.search.changes import Changed, single_changes
from gptbudget.search.remedies import Largest, largest_that_fit
from gptbudget.units import format_bytes, format_percent


def memory_document(bill: Bill) -> Document:
    """Return the answer as a document."""
    estimate, run, memory = bill
    changes, largest = single_changes(run, memory), largest_that_fit(run)
    data = _data(bill, changes, largest)
    tables = (
        _amounts(f"at the peak: {_words(memory.phase)}", "part", memory.parts, memory, total=True),
        _amounts(
            "phases, framework only",
            "phase",
            {name: parts.total for name, parts in memory.by_phase.phases.items()},
            memory,
        ),
        _largest_table(run, largest),
        _changes_table(run, changes),
        table("assumed", (line for line in assumed(estimate) if line.label != "goodput")),
    )
    return Document(
        _headline(bill),
        tables,
        data,
        data["results"],
        tuple(memory_notes(estimate)),
        advice(data["results"][0]),
    )


def _headline(bill: Bill) -> str:
    estimate, run, memory = bill
    needs = format_bytes(memory.peak_bytes)
    if memory.fits and not memory.fits_accumulated:
        needs += f", {format_bytes(memory.accumulated_bytes or 0)} accumulating gradients,"
    host = host_amount(memory)
    phase = f"at the peak, in {_words(memory.phase)}{where(run, memory)}"
    of = of_usable(memory.usable_bytes)
    word = WORD[memory.fits_accumulated]
    return f"{word}: {subject(estimate)} needs {needs} {of}{host} {phase}."


def _data(bill: Bill, changes: list[Changed], largest: Largest) -> Data:
    estimate, run, memory = bill
    whole = answer(estimate, advise=False)
    result = {name: whole[name] for name in ("model", "gpu", "gpus", "precision", "memory")}
    result["memory"]["phase_parts"] = {
        name: dict(parts) for name, parts in memory.by_phase.phases.items()
    }
    result["largest"] = largest._asdict()
    result["changes"] = [
        {**remedy_data(run, changed, "memory"), "saved_bytes": changed.saved_bytes}
        for changed in changes
    ]
    result["remedies"] = remedies_data(estimate, "memory")
    result["verdict"] = {"feasible": memory.fits_accumulated, "text": _headline(bill)}
    result["notes"] = memory_notes(estimate)
    return {"schema": 1, "request": request_data([estimate]), "results": [result]}


def _words(name: str) -> str:
    return name.replace("_", " ")


def _amounts(
    title: str, column: str, amounts: Mapping[str, float], memory: Memory, *, total: bool = False
) -> Table:
    """A table of amounts with their share of the card's usable memory."""
    whole = memory.usable_bytes or memory.peak_bytes
    rows = [(_words(name), amount) for name, amount in amounts.items()]
    if total:
        rows.append(("total", memory.peak_bytes))
    return Table(
        (column, "bytes", "of the card"),
        tuple(
            (name, format_bytes(amount), format_percent(amount / whole)) for name, amount in rows
        ),
        title=title,
        right=frozenset({"bytes", "of the card"}),
        bars=tuple(amount / whole for _, amount in rows),
    )


def _largest_table(run: ModelRun, largest: Largest) -> Table:
    micro_batch, seq_len = ("none" if value is None else f"{value:,}" for value in largest)
    rows = (
        ("micro-batch", micro_batch, f"at {run.seq_len:,} tokens"),
        ("sequence", seq_len, f"at micro-batch {run.micro_batch}"),
    )
    return Table(("largest that fits", "", ""), rows)


def _changes_table(run: ModelRun, changes: list[Changed]) -> Table:
    """One row per change, applied alone; changes that save nothing are listed too."""
    return grid(
        changes,
        {
            "one change": lambda each: flags(run, each.changes),
            "saves": lambda each: _saved(each.saved_bytes),
            "peak after": lambda each: format_bytes(each.memory.peak_bytes),
            "costs": cost_in_words,
        },
        "single changes",
        words={"costs"},
    )


def _saved(amount: float) -> str:
    if amount < 0:
        return f"-{format_bytes(-amount)}"
    return format_bytes(amount) if amount >= 1 else "nothing"
