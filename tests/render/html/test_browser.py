"""The page in a browser: nothing is said, nothing is asked for, nothing overlaps."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.render.html.browser import CHROMIUM, Browser, browsing
from tests.render.html.pages import COMMANDS

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

SHOWN = ("one", "offload", "grid", "flops", "cluster", "huge", "tiny", "budget", "counts")

FAULTS = """(() => {
  const faults = [], root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) faults.push('the page is wider than the window');
  for (const svg of document.querySelectorAll('svg[role=img]')) {
    if (getComputedStyle(svg).display === 'none') continue;
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll('text')].map(
      text => [text.textContent, text.getBoundingClientRect()]);
    texts.forEach(([text, box], place) => {
      if (box.left < frame.left - 1 || box.right > frame.right + 1
          || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
        faults.push(`outside: ${text}`);
      for (const [other, of] of texts.slice(place + 1))
        if (box.left < of.right - 1 && of.left < box.right - 1
            && box.top < of.bottom - 3 && of.top < box.bottom - 3)
          faults.push(`overlap: ${text} / ${other}`);
    });
  }
  return faults.join('; ');
})()"""

GROUND = "getComputedStyle(document.body).backgroundColor"
VISIBLE = """[...document.querySelectorAll('svg[role=img]')]
  .filter(svg => svg.getBoundingClientRect().width > 100).length"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.mark.parametrize("name", SHOWN)
def test_pages_are_whole_quiet_and_alone(
    browser: Browser, cli: Cli, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "answer.html"
    cli(*shlex.split(COMMANDS[name]), "--html", str(file))
    grounds = set()
    for width in (390, 760, 1200):
        for theme in ("light", "dark"):
            browser.open(file, width, theme)
            assert browser.evaluate(FAULTS) == ""
            assert browser.evaluate(VISIBLE) >= 1
            assert browser.complaints() == []
            assert browser.requested() == [file.as_uri()]
            grounds.add(browser.evaluate(GROUND))
    assert len(grounds) == 2
    assert browser.printed().startswith(b"%PDF")


def test_a_fault_would_be_seen(browser: Browser, tmp_path: Path) -> None:
    """The checks above, on a page with a script, an image, and texts upon each other."""
    file = tmp_path / "bad.html"
    file.write_text(
        "<svg role='img' width='200' height='50'><text y='20'>one</text><text y='20'>two</text>"
        "</svg><img src='missing.png'><script>console.error('said')</script>",
        encoding="utf-8",
    )
    browser.open(file, 390, "light")
    assert browser.evaluate(FAULTS) == "overlap: one / two"
    assert browser.complaints()
    assert len(browser.requested()) == 2
