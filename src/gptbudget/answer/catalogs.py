"""What ``catalog check`` and ``catalog path`` have to say."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from gptbudget.answer.document import Document, Table
from gptbudget.catalog.catalog import Catalog
from gptbudget.errors import FileError


def check_document(found: Mapping[Path, Sequence[FileError]]) -> Document:
    """Every fault, one a line, or the word that there is none."""
    faults = [str(fault) for faults in found.values() for fault in faults]
    records = [{"file": str(path), "faults": list(map(str, f))} for path, f in found.items()]
    if faults:
        total = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        headline = "\n".join([*faults, total])
    else:
        headline = f"no fault in {', '.join(map(str, found))}"
    return Document(headline, (), {"files": records}, records)


def paths_document(catalog: Catalog, user: Path) -> Document:
    """The files that are read, in order, and where a user's own would be."""
    records = [
        {
            "file": str(path),
            "gpus": sum(entry_file == path for entry_file in catalog.gpus.files()),
            "models": sum(entry_file == path for entry_file in catalog.models.files()),
        }
        for path in catalog.files
    ]
    table = Table(
        ("file", "gpus", "models"),
        tuple(tuple(str(value) for value in record.values()) for record in records),
        right=frozenset({"gpus", "models"}),
    )
    data = {"files": records, "user": str(user)}
    return Document("", (table,), data, records, (f"your own catalog: {user}",))
