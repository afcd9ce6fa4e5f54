"""The page of an answer: one file that needs nothing else, with the numbers of the JSON."""

from __future__ import annotations

import math
import re
import shlex
from pathlib import Path

import pytest

from gptbudget.render.html.page import STYLE
from tests.conftest import Cli
from tests.render.html.pages import COMMANDS, Tags, charts, drawings, titled, values

XL = COMMANDS["one"].split()


def page_of(cli: Cli, tmp_path: Path, command: str) -> str:
    file = tmp_path / "answer.html"
    result = cli(*shlex.split(command), "--html", str(file))
    assert result.code in {0, 5}, result.err
    return file.read_text(encoding="utf-8")


MADE: dict[str, str] = {}
"""Each page is made once for all tests that look at it."""


@pytest.fixture(params=COMMANDS)
def page(request: pytest.FixtureRequest, cli: Cli, tmp_path: Path) -> str:
    name = request.param
    if name not in MADE:
        MADE[name] = page_of(cli, tmp_path, COMMANDS[name])
    return MADE[name]


def test_a_page_is_closed_in_order_and_fetches_nothing(page: str) -> None:
    tags = Tags(page)
    assert page.startswith("<!doctype html>\n<html")
    assert tags.open == []
    fetching = {"src", "srcset", "data", "action", "background", "xlink:href", "poster"}
    for tag, attributes in tags.found:
        assert tag not in {"script", "img", "iframe", "object", "embed", "base", "use"}
        assert not [name for name in attributes if name in fetching or name.startswith("on")]
        if tag == "a":
            assert re.match(r"https?://", attributes["href"] or "")
        elif "href" in attributes:
            assert (tag, attributes["href"]) == ("link", "data:,")
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page


def test_every_drawing_is_valid_and_every_place_a_number(page: str) -> None:
    found = drawings(page)
    assert found
    for drawn in found:
        _, _, width, height = map(float, drawn.attrib["viewBox"].split())
        for each in drawn.iter():
            for name in ("x", "y", "width", "height", "x1", "x2", "y1", "y2", "cx", "cy", "r"):
                if name in each.attrib:
                    value = float(each.attrib[name])
                    assert math.isfinite(value)
                    assert -1 <= value <= max(width, height) + 1
            assert "nan" not in each.attrib.get("d", "")


def test_each_chart_is_drawn_wide_and_narrow(page: str) -> None:
    wide = [(each[0].text, values(each, "data-value")) for each in charts(page, "wide")]
    narrow = [(each[0].text, values(each, "data-value")) for each in charts(page, "narrow")]
    assert wide == narrow


def test_the_numbers_are_those_of_the_json(cli: Cli, tmp_path: Path) -> None:
    page = page_of(cli, tmp_path, COMMANDS["one"])
    result = cli(*XL, "-o", "json").json["results"][0]
    memory, time, compute = result["memory"], result["time"], result["compute"]
    bill = titled(page, "Memory at the peak")
    assert values(bill, "data-value") == pytest.approx(list(memory["parts"].values()))
    assert sum(values(bill, "data-value")) == pytest.approx(memory["peak_bytes"])
    step = titled(page, "Where a step's time goes")
    assert values(step, "data-value") == pytest.approx(list(time["parts"].values()))
    clock = titled(page, "Wall clock by utilization")
    assert time["utilization"] in values(clock, "data-x")
    assert time["wall_clock_s"] in values(clock, "data-y")
    optimum = titled(page, "Compute-optimal size")
    assert compute["required_flops_6nd"] in values(optimum, "data-x")
    assert any(x == pytest.approx(compute["available_flops"]) for x in values(optimum, "data-x"))
    assert result["model"]["active_parameters"] in values(optimum, "data-y")
    shown = [float(tag["data-value"] or "") for name, tag in Tags(page).found if name == "dd"]
    ratio, mfu = compute["ratio"], time["mfu"]
    assert shown == [time["wall_clock_s"], ratio, memory["peak_bytes"], mfu]
    assert result["verdict"]["text"].removeprefix("No: c") in page


def test_the_grid_has_the_wall_clock_of_each_pair(cli: Cli, tmp_path: Path) -> None:
    page = page_of(cli, tmp_path, COMMANDS["grid"])
    results = cli(*shlex.split(COMMANDS["grid"]), "-o", "json").json["results"]
    known = [each["time"]["wall_clock_s"] for each in results]
    drawn = values(titled(page, "Wall clock"), "data-value")
    assert drawn == [seconds for seconds in known if seconds is not None]
    shown = values(
        titled(page, "Memory needed per GPU, relative to what the GPU has"), "data-value"
    )
    parts = [part for each in results for part in each["memory"]["parts"].values()]
    assert shown == pytest.approx(parts)


def test_a_plan_shows_its_optimum_and_every_law(cli: Cli, tmp_path: Path) -> None:
    page = page_of(cli, tmp_path, COMMANDS["compute"])
    data = cli(*shlex.split(COMMANDS["compute"]), "-o", "json").json
    curve, loss = titled(page, "Compute-optimal size"), titled(page, "Loss by size")
    assert values(curve, "data-x") == [data["budget"]["flops"]]
    assert values(curve, "data-y") == pytest.approx([data["optimum"]["parameters"]])
    laws = {law["parameters"]: law["loss_by_replication"] for law in data["laws"]}
    assert sorted(zip(values(loss, "data-x"), values(loss, "data-y"), strict=True)) == sorted(
        laws.items()
    )
    for law in data["laws"]:
        assert law["source"].partition(" ")[0].rstrip(",") in page


def test_every_source_and_every_origin_is_there(cli: Cli, tmp_path: Path) -> None:
    page = page_of(cli, tmp_path, COMMANDS["one"])
    data = cli(*XL, "-o", "json").json
    for kind, name in (("gpus", "4070ti"), ("models", "gpt2-xl")):
        for source in cli(kind, name, "-o", "json").json["sources"]:
            assert source in page
    for option, said in data["request"].items():
        row = rf"<td[^>]*>{option.replace('_', '-')}</td><td[^>]*>[^<]*</td><td[^>]*>(\w+)</td>"
        origin = re.search(row, page)
        assert origin is not None, option
        assert origin[1] == said["origin"]
    for note in data["results"][0]["notes"]:
        assert note.partition("--")[0] in page


HOSTILE = """
models:
  "evil-model":
    name: '<script>alert(1)</script>'
    architecture: gpt2
    layers: 12
    width: 768
    attention: {heads: 12}
    vocabulary: 50257
    context: 1024
    notes: "\\e[31m</td><img src=x onerror=alert(2)> javascript:alert(3) \\0"
    sources: ['javascript:alert(4)', 'https://example.org/"><script>alert(5)</script>']
gpus:
  evil-card:
    name: '</style><script>alert(6)</script>'
    memory_gib: 12
    cloud_price_per_hour:
      {usd: 1, date: '2026-01', kind: on-demand, source: 'card"><b>bold</b>&amp;'}
    peak_tflops: {bf16: 50, fp32: 50}
"""


@pytest.mark.parametrize("fmt", ["table", "json"])
def test_what_a_catalog_says_stays_text(cli: Cli, tmp_path: Path, fmt: str) -> None:
    catalog, file = tmp_path / "mine.yaml", tmp_path / "answer.html"
    catalog.write_text(HOSTILE, encoding="utf-8")
    options = ["--catalog", str(catalog), "-o", fmt, "--html", str(file)]
    result = cli("compare", "--gpu", "evil-card", "--model", "evil-model", *options)
    assert result.code == 0, result.err
    page = file.read_text(encoding="utf-8")
    tags = Tags(page)
    assert {tag for tag, _ in tags.found}.isdisjoint({"script", "img", "b>", "i"})
    assert tags.open == []
    assert all(drawn.tag.endswith("svg") for drawn in drawings(page))
    links = [of["href"] for tag, of in tags.found if tag == "a"]
    assert "https://example.org/" in links
    assert not [link for link in links if link is not None and "javascript" in link]
    assert 'card"&gt;&lt;b&gt;bold&lt;/b&gt;&amp;amp;' in page
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f]", page)


@pytest.mark.parametrize("fmt", ["table", "json", "csv", "markdown"])
def test_the_page_comes_beside_the_answer(cli: Cli, tmp_path: Path, fmt: str) -> None:
    file = tmp_path / "answer.html"
    alone = cli(*XL, "-o", fmt)
    both = cli(*XL, "-o", fmt, "--html", str(file))
    assert both.out == alone.out
    assert both.err == f"gptbudget: the page is in {file}\n"
    assert file.stat().st_size > 10_000


def test_the_same_question_gives_the_same_file(cli: Cli, tmp_path: Path) -> None:
    assert page_of(cli, tmp_path, COMMANDS["one"]) == page_of(cli, tmp_path, COMMANDS["one"])


def test_of_many_pairs_the_best_are_shown_in_full(cli: Cli, tmp_path: Path) -> None:
    page = page_of(cli, tmp_path, "compare --gpu all --model gpt2")
    pairs = len(cli("compare", "--gpu", "all", "--model", "gpt2", "-o", "json").json["results"])
    assert f"below are the 12 best in full; {pairs - 12} more are in the grid" in page
    bills = [each for each in charts(page) if (each[0].text or "").startswith("Memory at the peak")]
    assert len(bills) <= 12


def test_check_still_decides_the_exit_code(cli: Cli, tmp_path: Path) -> None:
    assert cli(*XL, "--check", "--html", str(tmp_path / "no.html")).code == 5


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "is a folder"),
        ("missing/answer.html", "no such file or directory"),
        ("file.txt/answer.html", "not a directory"),
        ("x" * 300, "file name too long"),
    ],
)
@pytest.mark.parametrize("command", ["one", "compute"])
def test_where_no_file_can_be_nothing_is_answered(
    cli: Cli, tmp_path: Path, command: str, path: str, reason: str
) -> None:
    (tmp_path / "file.txt").write_text("", encoding="utf-8")
    result = cli(*shlex.split(COMMANDS[command]), "--html", f"{tmp_path}/{path}")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("gptbudget: error: --html: ")
    assert reason in result.err
    assert result.err.count("\n") == 1


def test_a_device_is_no_file(cli: Cli) -> None:
    result = cli(*XL, "--html", "/dev/null")
    assert result.code == 2
    assert "/dev/null is not an ordinary file" in result.err


def test_both_themes_and_paper_are_in_the_style() -> None:
    assert "prefers-color-scheme:dark" in STYLE
    assert "@media print" in STYLE
    assert STYLE.count("{") == STYLE.count("}")
