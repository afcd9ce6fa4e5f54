"""Elements of a page, built as a tree so that every text is escaped and every tag closed."""

import re
from xml.etree.ElementTree import Element, tostring

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that a document must not contain (XML 1.0, section 2.2)."""

_SPECIAL = re.compile(r"https?://[^\s<>\"'|]*[^\s<>\"'|.,;:)]|(?<!\S)--[a-z][a-z0-9-]*")
"""A web address, or an option of the command line."""

Content = Element | str | None
Value = str | float | None


def el(tag: str, *content: Content, **attributes: Value) -> Element:
    """Return an element; ``class_`` sets ``class``, ``_`` becomes ``-``, ``None`` is left out."""
    made = Element(tag)
    for name, value in attributes.items():
        if value is not None:
            made.set(name.rstrip("_").replace("_", "-"), _shown(value))
    for each in content:
        if isinstance(each, Element):
            made.append(each)
        elif each is not None and len(made):
            made[-1].tail = (made[-1].tail or "") + _clean(each)
        elif each is not None:
            made.text = (made.text or "") + _clean(each)
    return made


def _clean(text: str) -> str:
    """Replace the characters that XML does not allow with U+FFFD."""
    return _NOT_IN_XML.sub("\ufffd", text)


def linked(text: str) -> list[Content]:
    """Split text so that URLs become links and command-line options do not wrap.

    All other text stays text, so it cannot inject HTML.

    Example:
        >>> [type(part).__name__ for part in linked("see https://example.org/a.")]
        ['str', 'Element', 'str']
    """
    parts: list[Content] = []
    end = 0
    for match in _SPECIAL.finditer(text):
        word = match[0]
        parts.append(text[end : match.start()])
        if word.startswith("http"):
            parts.append(el("a", word, href=word, rel="noreferrer"))
        else:
            parts.append(el("span", word, class_="word"))
        end = match.end()
    return [part for part in (*parts, text[end:]) if isinstance(part, Element) or part]


def as_html(element: Element) -> str:
    """The element as HTML text."""
    return tostring(element, encoding="unicode", method="html")


def _shown(value: str | float) -> str:
    """An attribute; numbers as short as a drawing needs them."""
    if isinstance(value, str):
        return _clean(value)
    return f"{value:.2f}".rstrip("0").rstrip(".") or "0"
