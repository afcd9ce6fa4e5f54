"""The bar of a long search: on standard error, and only where somebody looks."""

from __future__ import annotations

import sys

import pytest

from gptbudget.catalog.catalog import load_catalog
from gptbudget.catalog.reference import load_evidence
from gptbudget.render import progress
from gptbudget.run.run import NamedModel
from gptbudget.search.best import SearchResult
from gptbudget.search.candidate import SearchSpec
from gptbudget.specs.options import Options


def test_nobody_looks_at_a_pipe() -> None:
    with progress.watching() as watch:
        assert watch is None


@pytest.mark.parametrize(("patience_s", "shown"), [(0.0, True), (1e9, False)])
def test_a_terminal_sees_rate_and_best(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    patience_s: float,
    *,
    shown: bool,
) -> None:
    monkeypatch.setattr(progress, "_DELAY_S", patience_s)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    model = NamedModel("gpt2", load_catalog().models.find("gpt2").spec)
    result = SearchResult(SearchSpec(Options(), {}, model, load_evidence(), (1,)))
    result.done, result.programs, result.evaluated = 3, 9, 12_000
    with progress.watching() as watch:
        assert watch is not None
        watch(result)
    printed = capsys.readouterr()

    assert printed.out == ""
    assert ("12,000 layouts" in printed.err) is shown
