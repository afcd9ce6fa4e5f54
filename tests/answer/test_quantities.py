"""The table of quantities: one row a number, read by the JSON, the tables and the pages."""

from __future__ import annotations

import pytest

from gptbudget import estimate
from gptbudget.answer.data import answer
from gptbudget.answer.quantities import (
    ALONE,
    COMPARE_COLUMNS,
    COUNT_COLUMNS,
    IN_A_GRID,
    IN_FULL,
    PAGE_NUMBERS,
    QUANTITIES,
    SHAPE_NUMBERS,
    WAY_COLUMNS,
    Quantity,
    cells,
    facts,
    heads,
    known,
    sections,
)

ANSWER = estimate(model="gpt2-xl", gpu="4070ti")
UNKNOWN = estimate(flops=1e21, gpu="4070ti", utilization=0.5)

SUFFIXES = {"_bytes": "B", "_usd": "USD", "_kwh": "kWh", "_kg": "kg", "_hours": "h"}


def test_keys_are_in_the_json_in_the_order_of_the_rows() -> None:
    found = answer(ANSWER)
    names = {"model": ["name", "title"], "gpu": ["name", "title"]}
    rows = [quantity.key for quantity in QUANTITIES]
    assert len(set(rows)) == len(rows)
    for part in ("model", "compute", "memory", "time", "cost"):
        keys = [key.removeprefix(f"{part}.") for key in rows if key.startswith(f"{part}.")]
        assert list(found[part]) == [*names.get(part, []), *keys]


@pytest.mark.parametrize("quantity", QUANTITIES, ids=lambda quantity: quantity.key)
def test_a_unit_is_known_and_is_that_of_the_key(quantity: Quantity) -> None:
    key, unit = quantity.key, quantity.unit
    assert unit in IN_FULL.keys() & IN_A_GRID.keys() & ALONE.keys()
    for suffix, expected in SUFFIXES.items():
        assert not key.endswith(suffix) or unit == expected


@pytest.mark.parametrize("keys", [COMPARE_COLUMNS, COUNT_COLUMNS, WAY_COLUMNS])
def test_every_column_has_a_head_and_a_cell(keys: tuple[str, ...]) -> None:
    assert all(heads(keys))
    assert len(cells(keys, ANSWER)) == len(keys)


@pytest.mark.parametrize("keys", [SHAPE_NUMBERS, PAGE_NUMBERS])
def test_every_number_that_stands_alone_has_a_label(keys: tuple[str, ...]) -> None:
    assert all(label for label, _, _ in facts(keys, ANSWER))
    assert all((value is None) is not bool(text) for _, value, text in facts(keys, UNKNOWN))


def test_unknown_numbers() -> None:
    assert cells(("memory.peak_bytes", "memory.host_bytes"), UNKNOWN) == ("?", "")
    assert known(("memory.peak_bytes", "time.wall_clock_s"), [UNKNOWN]) == ("time.wall_clock_s",)
    lines = {table.title: table.rows for table in sections(UNKNOWN)}
    assert lines["memory on one GPU"] == (("needed", "unknown", "see notes"),)
    assert lines["compute"][1] == ("required", "1.000e21 FLOP", "as given")
