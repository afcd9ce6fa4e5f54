"""The page of a dry run: memory by part and by phase, and the lines that made most of it."""

from gptbudget.answer.document import Data, Document
from gptbudget.answer.page.figures import amount
from gptbudget.answer.page.page import Bill, Page, Part, Stacked


def dry_run_page(document: Document) -> Page:
    """Build the page from the answer itself."""
    data = document.data
    results = data["results"]
    command = " ".join(data["program"]["command"])
    program = f"{data['program']['python']}, PyTorch {data['program']['torch']}"
    return Page(
        command,
        None if any(each["memory"]["fits"] is None for each in results) else _fits(results),
        document.headline,
        (),
        (),
        (
            *(Part(_title(each, results), _figures(each["memory"])) for each in results),
            Part("In numbers", tables=document.tables, beside=True),
            Part("Notes", notes=(*document.notes, program)),
        ),
    )


def _fits(results: list[Data]) -> bool:
    return all(each["memory"]["fits"] for each in results)


def _title(result: Data, results: list[Data]) -> str:
    return "Memory" if len(results) == 1 else f"Memory of rank {result['rank']}"


def _figures(memory: Data) -> tuple[Stacked, ...]:
    limit = amount("usable", memory["usable_bytes"])
    alive = tuple(
        amount(name.replace("_", " "), each) for name, each in memory["alive"].items() if each
    )
    phases = tuple(
        Bill(name.replace("_", " "), (amount("allocated", each),), amount("peak", each), limit)
        for name, each in memory["phases"].items()
        if each
    )
    if not alive or not phases:
        return ()
    peak = Bill("peak", alive, amount("needed", memory["peak_allocated_bytes"]), limit)
    return (
        Stacked("Alive at the peak", "bytes", (peak,)),
        Stacked("Peak of each phase", "bytes", phases, each_its_own=True),
    )
