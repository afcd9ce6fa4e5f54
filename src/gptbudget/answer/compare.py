"""Documents for ``compare``: one estimate in full, or several as a table with one row each."""

from collections.abc import Sequence

from gptbudget.answer.data import answers
from gptbudget.answer.document import Data, Document, Table
from gptbudget.answer.quantities import COMPARE_COLUMNS, cell, cells, heads, sections
from gptbudget.answer.remedies import advice
from gptbudget.answer.verdict import subject
from gptbudget.run.estimate import Estimate
from gptbudget.run.run import FlopsAmount

_MOST_NOTES = 12


def comparison(
    estimates: Sequence[Estimate], skipped: Sequence[str] = (), *, tables: bool = True
) -> Document:
    """The document of one estimate in full, or of several as a grid, best first.

    Without ``tables`` only the plain data is made, for formats that show nothing else.
    """
    data = answers(estimates)
    results = data["results"]
    if not tables:
        return Document("", (), data, results)
    if len(estimates) == 1:
        return _in_full(estimates[0], data)
    all_notes = dict.fromkeys(note for result in results for note in result["notes"])
    return Document(
        _grid_headline(estimates),
        (_grid(estimates),),
        data,
        results,
        (*skipped, *_shortened(list(all_notes))),
    )


def _in_full(estimate: Estimate, data: Data) -> Document:
    result = data["results"][0]
    notes = tuple(result["notes"])
    text = result["verdict"]["text"]
    shown = tuple(sections(estimate))
    return Document(text, shown, data, data["results"], notes, advice(result))


def _shortened(notes: list[str]) -> list[str]:
    """At most ``_MOST_NOTES`` notes; the rest is replaced by a count."""
    if len(notes) <= _MOST_NOTES:
        return notes
    left = len(notes) - _MOST_NOTES
    return [*notes[:_MOST_NOTES], f"{left} more notes; -o json lists them for each row"]


def _grid_headline(estimates: Sequence[Estimate]) -> str:
    feasible = [e for e in estimates if e.feasible]
    unknown = sum(e.feasible is None for e in estimates)
    if not feasible:
        headline = f"No: none of {len(estimates)} pairs is known to be feasible"
    else:
        best = feasible[0]
        are = "is" if len(feasible) == 1 else "are"
        headline = (
            f"Yes: {len(feasible)} of {len(estimates)} pairs {are} feasible; the fastest known is "
            f"{subject(best)} in {cell('time.wall_clock_s', best)}"
        )
    return f"{headline}, {unknown} unknown." if unknown else f"{headline}."


def _grid(estimates: Sequence[Estimate]) -> Table:
    columns = ("gpu", "model", "feasible", *heads(COMPARE_COLUMNS))
    rows = tuple(_grid_row(estimate) for estimate in estimates)
    return Table(columns, rows, right=frozenset(columns[3:]))


def _grid_row(estimate: Estimate) -> tuple[str, ...]:
    run = estimate.run
    return (
        run.gpu.key if run.gpus == 1 else f"{run.gpus} x {run.gpu.key}",
        "" if isinstance(run.work, FlopsAmount) else run.work.key,
        {True: "yes", False: "no", None: "?"}[estimate.feasible],
        *cells(COMPARE_COLUMNS, estimate),
    )
