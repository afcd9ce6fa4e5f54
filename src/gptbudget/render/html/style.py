"""The style of the page: colours in two themes, wide and narrow, screen and paper.

Text and series have a contrast of at least 4.5 to what they stand on, lines that carry meaning at
least 3 (WCAG 2.2, success criteria 1.4.3 and 1.4.11); a test computes each. Series can be told
apart by place and by the shape of their marks too.
"""

from collections.abc import Iterable, Mapping
from itertools import cycle

SERIES = 12
"""How many colours there are for parts of a whole, curves and marks."""

_COLOURS_OF = {
    "page": ("#f4f5f7", "#0f1317"),
    "card": ("#ffffff", "#181d23"),
    "text": ("#1a1f26", "#e8ebef"),
    "muted": ("#545d68", "#a9b2bd"),
    "line": ("#767f8b", "#7d8792"),
    "grid": ("#e3e6ea", "#2b323a"),
    "shade": ("#eaf1fb", "#1d2a3c"),
    "link": ("#0a56b3", "#86b8ff"),
    "good": ("#0f6b38", "#62d08f"),
    "bad": ("#ae1f1a", "#ff9a92"),
    "unknown": ("#7a5600", "#e5c463"),
    "s1": ("#1d5fc2", "#82b4ff"),
    "s2": ("#b04a06", "#ffad73"),
    "s3": ("#0c7a5b", "#5ed3a5"),
    "s4": ("#7b3fc4", "#c8a8ff"),
    "s5": ("#b8275f", "#ff97ba"),
    "s6": ("#08718a", "#62d2e4"),
    "s7": ("#7c5e00", "#e2c65f"),
    "s8": ("#5c6672", "#aeb8c4"),
    "s9": ("#86482a", "#dba58a"),
    "s10": ("#4a48b8", "#a9a8ff"),
    "s11": ("#4a7810", "#a5d167"),
    "s12": ("#953c9c", "#eb9bf0"),
}
"""Each in the light theme and in the dark one."""

LIGHT, DARK = ({name: both[theme] for name, both in _COLOURS_OF.items()} for theme in (0, 1))

OF_PART = {
    "weights": 0,
    "gradients": 1,
    "optimizer state": 2,
    "activations": 3,
    "logits": 4,
    "temporaries": 5,
    "driver context": 6,
    "workspaces": 7,
    "allocator slack": 8,
    "autocast copies": 9,
}
"""Parts that have the same colour in every chart."""


def colours_of(names: Iterable[str]) -> dict[str, str]:
    """A class for each name; those without a colour of their own take the first that are free."""
    wanted = list(dict.fromkeys(names))
    taken = {OF_PART[name] for name in wanted if name in OF_PART}
    free = cycle([position for position in range(SERIES) if position not in taken])
    return {name: series(OF_PART[name] if name in OF_PART else next(free)) for name in wanted}


def series(position: int) -> str:
    """The class that gives the colour of a position, again from the first after the last."""
    return f"s{position % SERIES + 1}"


def variables(theme: Mapping[str, str]) -> str:
    """A theme as CSS variables."""
    return "".join(f"--{name}:{colour};" for name, colour in theme.items())


NARROW_PX = 760
"""Below this width charts are drawn narrow, and wide tables become blocks."""

_COLOURS = "".join(f".s{number}{{color:var(--s{number})}}" for number in range(1, SERIES + 1))

STYLE = f"""
:root{{color-scheme:light dark;{variables(LIGHT)}}}
@media (prefers-color-scheme:dark){{:root{{{variables(DARK)}}}}}
*{{box-sizing:border-box}}
body{{margin:0;background:var(--page);color:var(--text);
 font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}}
main{{max-width:1128px;margin:0 auto;padding:24px}}
header,section{{background:var(--card);border-radius:12px;padding:24px;margin:0 0 20px}}
h1{{font-size:15px;font-weight:600;color:var(--muted);margin:0 0 12px}}
h2{{font-size:19px;line-height:1.3;margin:0 0 16px;overflow-wrap:anywhere}}
caption::first-letter{{text-transform:uppercase}}
h3,caption{{font-size:15px;font-weight:600;text-align:left;margin:0 0 8px;padding:0 0 4px}}
p{{margin:0 0 12px;overflow-wrap:anywhere}}
a{{color:var(--link);overflow-wrap:anywhere}}
.verdict{{font-size:21px;line-height:1.4;font-weight:600;margin:0 0 20px;text-wrap:pretty}}
.word{{white-space:nowrap}}
.state{{display:inline-block;font-size:15px;line-height:1;font-weight:700;color:var(--card);
 border-radius:999px;padding:7px 14px;margin:0 10px 0 0;vertical-align:3px}}
.good{{background:var(--good)}}.bad{{background:var(--bad)}}.unknown{{background:var(--unknown)}}
.facts{{display:flex;flex-wrap:wrap;gap:12px 40px;margin:0}}
.facts div{{min-width:104px}}
dt{{color:var(--muted);font-size:13px}}
dd{{margin:0;font-size:22px;font-weight:600;font-variant-numeric:tabular-nums}}
.advice{{margin:20px 0 0;padding:0;list-style:none}}
.advice li{{background:var(--shade);border-radius:8px;padding:10px 14px;margin:8px 0 0;
 overflow-wrap:anywhere}}
code{{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;
 overflow-wrap:anywhere}}
.body{{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:24px 40px;align-items:start}}
.full{{grid-column:1/-1}}
summary{{cursor:pointer}}
summary h2{{display:inline}}
details[open] .body{{margin:16px 0 0}}
.folded td{{white-space:pre-line;overflow-wrap:anywhere;font-size:13px}}
figure{{margin:0;min-width:0}}
svg{{display:block;width:100%;height:auto}}
svg.narrow{{display:none}}
text{{font-size:13px;fill:var(--muted);font-variant-numeric:tabular-nums}}
text.strong{{fill:var(--text);font-weight:600}}
text.inside{{fill:var(--card);font-weight:600}}
text.halo{{paint-order:stroke;stroke:var(--card);stroke-width:4px;stroke-linejoin:round}}
.axis{{stroke:var(--line);stroke-width:1}}
.grid{{stroke:var(--grid);stroke-width:1}}
.rule{{stroke:var(--text);stroke-width:1.5;stroke-dasharray:5 3}}
.track{{fill:var(--shade);stroke:var(--line);stroke-width:1}}
.limit{{stroke:var(--text);stroke-width:2}}
.shade{{fill:var(--shade)}}
.edge{{stroke:currentColor;stroke-width:1;stroke-dasharray:2 3}}
.curve{{fill:none;stroke:currentColor;stroke-width:2.5;stroke-linejoin:round}}
.mark{{fill:currentColor;stroke:var(--card);stroke-width:1.5}}
.good-ink{{color:var(--good)}}.bad-ink{{color:var(--bad)}}.unknown-ink{{color:var(--unknown)}}
{_COLOURS}
.legend{{list-style:none;margin:10px 0 0;padding:0;display:grid;gap:4px 28px;font-size:14px;
 grid-template-columns:repeat(auto-fill,minmax(min(100%,250px),1fr))}}
.full .legend b{{white-space:nowrap}}
.verdict:last-child{{margin-bottom:0}}
.half .legend{{grid-template-columns:minmax(0,1fr)}}
.legend li{{display:flex;gap:8px;align-items:baseline;min-width:0}}
.legend svg{{flex:none;width:14px;height:14px;align-self:center}}
.legend span{{overflow-wrap:anywhere}}
.legend b{{margin-left:auto;font-weight:600;font-variant-numeric:tabular-nums;text-align:right}}
.caption{{color:var(--muted);font-size:13px;margin:10px 0 0}}
.table{{min-width:0;overflow-x:auto}}
table{{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}}
th,td{{text-align:left;vertical-align:top;padding:5px 14px 5px 0;
 border-bottom:1px solid var(--grid);overflow-wrap:break-word}}
th{{color:var(--muted);font-weight:600}}
th:last-child,td:last-child{{padding-right:0}}
.right{{text-align:right}}
td.right,td.value{{white-space:nowrap}}
td.basis{{color:var(--muted)}}
td.part{{padding-left:14px}}
tr:last-child td{{border-bottom:0}}
.notes{{margin:0;padding:0 0 0 18px}}
.notes li{{margin:0 0 6px;overflow-wrap:anywhere}}
.body+.notes{{margin-top:20px}}
footer{{color:var(--muted);font-size:13px;padding:0 24px 24px}}
@media screen and (max-width:{NARROW_PX}px){{
 main{{padding:12px}}
 header,section{{padding:16px;border-radius:10px;margin:0 0 12px}}
 .verdict{{font-size:18px}}
 .body{{grid-template-columns:minmax(0,1fr)}}
 svg.wide{{display:none}}svg.narrow{{display:block;max-width:520px}}
 .facts{{gap:12px 28px}}dd{{font-size:19px}}
 table{{font-size:13px}}th,td{{padding-right:10px}}
 td.value{{white-space:normal}}
 table.many,.many tbody,.many tr,.many td{{display:block}}
 .many thead{{display:none}}
 .many tr{{padding:8px 0;border-bottom:1px solid var(--line)}}
 .many tr:last-child{{border-bottom:0}}
 .many td{{display:flex;gap:16px;justify-content:space-between;border:0;padding:2px 0;
  text-align:right;white-space:normal}}
 .many td::before{{content:attr(data-label);color:var(--muted);text-align:left;flex:none}}
 .many td:first-child{{font-weight:600}}
 .many td:empty{{display:none}}
 table.long,.long tbody,.long tr,.long td{{display:block}}
 .long thead{{display:none}}
 .long tr{{padding:8px 0;border-bottom:1px solid var(--grid)}}
 .long td{{border:0;padding:0}}
 .long td:first-child{{font-weight:600}}
 footer{{padding:0 12px 16px}}
}}
@media print{{
 section:has(details:not([open])){{display:none}}
 :root{{{variables(LIGHT)}--page:#ffffff;}}
 body{{font-size:11px;print-color-adjust:exact;-webkit-print-color-adjust:exact}}
 main{{padding:0;max-width:none}}
 header,section{{padding:0 0 10px;margin:0 0 10px;border-radius:0;
  border-bottom:1px solid var(--line)}}
 .verdict{{font-size:15px}}h2{{font-size:14px;margin-bottom:8px;break-after:avoid}}
 dd{{font-size:15px}}table,.legend{{font-size:10px}}th,td{{padding-top:2px;padding-bottom:2px}}
 figure,tr,.advice li{{break-inside:avoid}}
 a{{color:inherit;text-decoration:none}}
}}
"""
