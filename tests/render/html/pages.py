"""Pages as files, made by the command line, and what can be read from them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

VOID = frozenset({"meta", "link", "br", "img", "input", "hr"})

COMMANDS: dict[str, str] = {
    "one": "compare --gpu 4070ti --model gpt2-xl",
    "offload": "compare --gpu 4070ti --model gpt2-xl --recipe master --offload optimizer",
    "grid": "compare --gpu 4070ti --gpu h100-sxm --model gpt2-xl --model gpt2",
    "given": "compare --gpu 4070ti --model gpt2 --utilization 40% --convention exact",
    "bare": "compare --gpu 4070ti --model 1.5B --tokens 10B --utilization 40%",
    "old": "compare --gpu bluegene-l-2005 --model gpt2",
    "flops": "compare --gpu a100 --flops 1e21 --utilization 40%",
    "adapters": "compare --gpu 4090 --model llama-2-7b --method qlora --tokens 10M",
    "cluster": "compare --gpu h100-sxm --gpus 16384 --model llama-3.1-405b --tp 8 --pp 16",
    "huge": "compare --gpu 4070ti --model gpt2-xl --tokens 1e30",
    "tiny": "compare --gpu h100-sxm --model gpt2 --tokens 1 --time 1000y",
    "budget": "plan --gpu 4070ti --time 90d",
    "compute": "plan --flops 5.76e23 --unique-tokens 100B --inference-tokens 1T",
    "counts": "plan --gpu h100-sxm --gpu a100 --model llama-2-7b --time 30d",
}
"""A command for each kind of page."""


class Tags(HTMLParser):
    """Every tag of a page with its attributes, and whether all are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def drawings(text: str) -> list[ET.Element]:
    """Every SVG of a page, parsed as XML."""
    return [ET.fromstring(found) for found in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]


def charts(text: str, kind: str = "wide") -> Iterator[ET.Element]:
    """The charts of one width."""
    return (drawn for drawn in drawings(text) if drawn.get("class") == kind)


def titled(text: str, title: str) -> ET.Element:
    """The first chart whose title begins so."""
    found = (each for each in charts(text) if (each[0].text or "").startswith(title))
    return next(found)


def values(drawn: ET.Element, name: str) -> list[float]:
    """The exact numbers that a chart carries in an attribute."""
    return [float(each.attrib[name]) for each in drawn.iter() if name in each.attrib]
