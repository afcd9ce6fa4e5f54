"""Ways to spoil data and text: what a slip of the hand, another program or malice leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml
from hypothesis import strategies as st

Draw = Callable[[Any], Any]

_EXTREMES = [
    *(0, -1, 1, 2, 3, 2**31, 2**53, 10**9, 10**12, 10**12 + 1, 10**30, 10**400),
    *(0.0, -0.0, 1e-320, 1e-40, 1e-30, 0.1, 0.5, 1.5, 1e15, 1e30, 1e40, 1e308),
]
NUMBERS = st.one_of(st.sampled_from(_EXTREMES), st.integers(-3, 300), st.floats(0, 1e6))
_WORDS = [
    *("", " ", "~", "null", "no", "yes", "nan", ".nan", ".inf", "-.inf", "1e999", "1_000", "0x10"),
    *("010", "1:30", "12 GB", "1,5", "\u0663", "\u00e9\u4e2d", "all", "2023-13", "a" * 5000, "/"),
    *(
        "<<",
        "gpt2",
        "bf16",
        "\x00",
        "\x1b[31m",
        "\u2028",
        "\ufeff",
        "\U0001f600",
        "100%",
        "9" * 400,
    ),
]
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.sampled_from(_WORDS), st.text(max_size=6)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)

_JUNK = [
    *(
        "&a ",
        "*a",
        "!!python/object:os.system ",
        "!!int ",
        "<<: *a\n",
        "? ",
        "- ",
        "{",
        "}",
        "[",
        "]",
    ),
    *(": ", ":", "#", "'", '"', "|\n", ">\n", "\t", "\r\n", "\r", "\ufeff", "%YAML 9.9\n", "---\n"),
    *(
        "...\n",
        "\x00",
        "\x85",
        "\u2028",
        "\U0001f600",
        "@",
        "`",
        "[" * 2000,
        "{a: " * 40,
        "- " * 600,
    ),
]
_JUNK_BYTES = [
    b"\xff\xfe",
    b"\x00" * 8,
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\x1f\x8b\x08",
    b"\xef\xbb\xbf",
]


def damaged(draw: Draw, data: dict[str, Any]) -> dict[str, Any]:
    """``data`` with a few values dropped, misspelt, replaced or put in another place."""
    spoilt: dict[str, Any] = yaml.safe_load(yaml.safe_dump(data))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(spoilt))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(["replace", "replace", "replace", "drop", "misspell", "move"])):
            case "drop":
                del holder[key]
            case "misspell" if isinstance(holder, dict):
                holder[f"{key}{draw(st.sampled_from('sx_ -'))}"] = holder.pop(key)
            case "move" if isinstance(holder, dict):
                other, place = draw(st.sampled_from(places))
                if place in (other if isinstance(other, dict) else range(len(other))):
                    other[place] = yaml.safe_load(yaml.safe_dump(holder[key]))
            case _:
                small = isinstance(holder[key], int | float) and draw(st.integers(0, 3))
                holder[key] = draw(NUMBERS if small else VALUES)
    return spoilt


def _places(data: Any) -> Any:
    """Every container of ``data`` with a key in it."""
    if isinstance(data, dict | list):
        for key, value in list(data.items() if isinstance(data, dict) else enumerate(data)):
            yield data, key
            yield from _places(value)


def damaged_text(draw: Draw, text: str) -> bytes:
    """The bytes of ``text`` with junk in it, lines lost or doubled, or cut off."""
    for _ in range(draw(st.integers(1, 3))):
        lines = text.splitlines(keepends=True) or [""]
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["junk", "junk", "lose", "double", "indent", "cut", "ends"])):
            case "lose":
                del lines[at]
            case "double":
                lines.insert(at, lines[at])
            case "indent":
                lines[at] = draw(st.sampled_from([" ", "\t", "   "])) + lines[at]
            case "cut":
                del lines[at:]
            case "ends":
                end = draw(st.sampled_from(["\r\n", "\r", "\u2028", ""]))
                lines = [line.replace("\n", end) for line in lines]
            case _:
                place = draw(st.integers(0, len(lines[at])))
                junk = draw(st.one_of(st.sampled_from(_JUNK), st.text(max_size=4)))
                lines[at] = lines[at][:place] + junk + lines[at][place:]
        text = "".join(lines)
    raw = text.encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 9)):
        return raw
    place = draw(st.integers(0, len(raw)))
    junk_bytes: bytes = draw(st.sampled_from(_JUNK_BYTES))
    return raw[:place] + junk_bytes + raw[place:]


def written(draw: Draw, data: dict[str, Any]) -> bytes:
    """A file of ``data``: its values spoilt, or its text."""
    if draw(st.booleans()):
        return damaged_text(draw, yaml.safe_dump(data, sort_keys=False, allow_unicode=True))
    spoilt = damaged(draw, data)
    flow = draw(st.sampled_from([None, False, True]))
    text: str = yaml.safe_dump(spoilt, default_flow_style=flow, allow_unicode=True)
    return text.encode("utf-8", "surrogatepass")
