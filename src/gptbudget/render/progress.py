"""Progress bar of a search on standard error, if that is a terminal."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gptbudget.units import format_count, format_duration

if TYPE_CHECKING:
    from gptbudget.search.best import SearchResult
    from gptbudget.search.search import Watch

_DELAY_S = 1.0
"""Seconds before the progress bar appears."""


@contextmanager
def watching() -> "Iterator[Watch | None]":
    """Yield a callback that shows the progress of a search; ``None`` without a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("searching"), BarColumn(), TextColumn("{task.description}"))
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("", total=None)
    begin = time.perf_counter()

    def watch(seen: "SearchResult") -> None:
        spent = time.perf_counter() - begin
        if spent < _DELAY_S:
            return
        if not bar.live.is_started:
            bar.start()
        best = f", best {format_duration(seen.rows[0].wall_clock_s)}" if seen.ranked else ""
        rate = format_count(seen.evaluated / spent, 3)
        bar.update(
            task,
            total=seen.programs,
            completed=seen.done,
            refresh=True,
            description=f"{format_count(seen.evaluated, 3)} layouts, {rate} a second{best}",
        )

    try:
        yield watch
    finally:
        bar.stop()
