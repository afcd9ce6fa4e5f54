"""Figures that the README's own words give of ``validate``: each is what the command finds."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from gptbudget.answer.validation import headline_rows
from gptbudget.evidence.score import ScoredRow, score
from gptbudget.evidence.speed import carried_errors
from tests.measured import scored_runs

README = Path(__file__).parents[2] / "README.md"
WRITTEN_DOWN = {"litgpt", "torchtune", "torchtitan", "nanotron", "fsdp-qlora"}


def dense() -> str:
    rows = headline_rows(scored_runs().speeds)
    (most, first), (second, count) = Counter(row.source for row in rows).most_common(2)
    return f"Of the {len(rows)} complete dense rows {first} are of {most} and {count} of {second}"


def slow_scripts() -> str:
    errors = [row.error for row in headline_rows(scored_runs().speeds) if row.source == "qwen"]
    return f"Qwen under DeepSpeed, {statistics.median(errors):+.0%} in the median".replace(
        "%", " %"
    )


def slow_networks() -> str:
    errors = [row.error for row in scored_runs().speeds if re.match("nanotron.*-64n", row.id)]
    return f"nanotron on 64 nodes, up to {max(errors):+.0%}".replace("%", " %")


def old_cards() -> str:
    rows = [row for row in scored_runs().speeds if row.keys["family"] == "old cards"]
    errors = [100 * row.error for row in rows if row.assumed_input is None]
    return f"is predicted {min(errors):.0f} % to {max(errors):.0f} % too fast"


def peaks_written_down() -> str:
    return _peaks(row for row in scored_runs().peaks if row.source in WRITTEN_DOWN)


def peaks_measured_before() -> str:
    return _peaks(row for row in scored_runs().peaks if row.source not in WRITTEN_DOWN)


def _peaks(rows: Iterable[ScoredRow]) -> str:
    whole = score(list(rows))
    median, good = (f"{100 * whole.median:.1f} %", f"{100 * whole.within_15:.0f} % within 15 %")
    return f"by {median} in the median, {good}"


def gptq() -> str:
    rows = [row for row in scored_runs().peaks if row.source == "qwen-gptq"]
    low = statistics.median(row.error for row in rows)
    return f"{len(rows)} rows are of a 4-bit base (GPTQ), {-100 * low:.0f} % too low in the median"


def four_bit() -> str:
    whole = score([row for row in scored_runs().peaks if row.keys["method"] == "qlora"])
    return (
        f"4-bit peaks alone are off by {100 * whole.median:.0f} % in the median, "
        f"{100 * whole.within_15:.0f} % within 15 %"
    )


def out_of_memory() -> str:
    out = [fit for fit in scored_runs().fits if not fit.published and not fit.border]
    _, most = Counter(fit.source for fit in out).most_common(1)[0]
    return f"Only {len(out)} published runs that ran out of memory are complete, {most} of one"


def border() -> str:
    out = [fit for fit in scored_runs().fits if not fit.published and fit.border]
    shares = [fit.peak_bytes / fit.usable_bytes for fit in out if fit.usable_bytes]
    assert not any(fit.predicted is False for fit in out)
    return (
        f"the predicted peak is {100 * min(shares):.0f} % to {100 * max(shares):.0f} % of the "
        f"usable memory, so all {len(out)} are predicted to fit"
    )


def one_step() -> str:
    groups = carried_errors(scored_runs().speeds)
    before, after = (
        statistics.mean(getattr(each, n) for each in groups) for n in ("before", "after")
    )
    return f"error of a program's other runs from {100 * before:.0f} % to {100 * after:.0f} %"


FIGURES = (
    dense,
    slow_scripts,
    slow_networks,
    old_cards,
    peaks_written_down,
    peaks_measured_before,
    gptq,
    four_bit,
    out_of_memory,
    border,
    one_step,
)


@pytest.mark.parametrize("figure", FIGURES, ids=[each.__name__ for each in FIGURES])
def test_readme_says_what_is_found(figure: Callable[[], str]) -> None:
    assert figure() in " ".join(README.read_text(encoding="utf-8").split())
