"""All of ``validate`` put together: time first, then memory."""

from collections.abc import Sequence
from typing import Any

from gptbudget.answer.document import Document, Table
from gptbudget.answer.validation import memory, pytorch, speed
from gptbudget.answer.validation.words import fit_data, row_data
from gptbudget.evidence.validate import AgainstRuns
from gptbudget.units import format_many


def validation_document(measured: Sequence[pytorch.Measured], found: AgainstRuns) -> Document:
    """Time against published runs, memory against them and against PyTorch's own accounting."""
    records = [
        *(speed.row_data(row) for row in found.speeds),
        *(row_data(row) for part in measured for row in part.rows),
        *(row_data(row) for row in found.peaks),
        *(fit_data(fit) for fit in found.fits),
    ]
    data: dict[str, Any] = {
        "schema": 1,
        "groups": [
            *speed.groups(found),
            *(group for part in measured for group in pytorch.groups(part)),
            *memory.groups(found),
        ],
        "rows": records,
        "one_step_logged": speed.logged_data(found),
        "fits": memory.shares(found.fits),
        "memory_left_out": [left.model_dump() for left in found.memory_left_out],
        "left_out": [left.model_dump() for left in found.left_out],
    }
    headline = [
        *speed.headline(found),
        *map(pytorch.headline, measured),
        *memory.headline(found),
    ]
    return Document(
        "\n".join(headline)
        or f"{format_many(len(found.published), 'run')}, none of which can be scored",
        (
            *speed.tables(found),
            *memory.tables(found),
            *(table for part in measured for table in pytorch.tables(part)),
            *_listed(found),
        ),
        data,
        records,
        (*(note for part in measured for note in pytorch.notes(part)), *_notes(found)),
    )


def _listed(found: AgainstRuns) -> list[Table]:
    """What is not scored, with the reason, and where the rest comes from."""
    listed = {
        "memory listed, not scored": found.memory_left_out,
        "listed, not scored": found.left_out,
    }
    sources = {run.source.key: run.source for run in found.published}
    named = tuple((key, each.title, each.url or "") for key, each in sources.items())
    tables = [
        Table(
            (title, "rows"),
            tuple((each.reason, str(len(each.ids))) for each in of),
            right=frozenset({"rows"}),
        )
        for title, of in listed.items()
        if of
    ]
    return [*tables, Table(("source", "title", ""), named)]


def _notes(found: AgainstRuns) -> list[str]:
    sources = {run.source.key: run.source for run in found.published}
    said = [*speed.notes(found), *memory.notes(found)]
    said += [f"{key}: assumed {each.assumed}" for key, each in sources.items() if each.assumed]
    said += [
        f"{key}: off because {each.off_because}"
        for key, each in sources.items()
        if each.off_because
    ]
    said += [
        f"{key}: its software, because {each.stack_reason}"
        for key, each in sources.items()
        if each.stack_reason
    ]
    return said
