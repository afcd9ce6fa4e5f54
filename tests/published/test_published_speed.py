"""Published speeds: how wrong the step time is, left out by source, and the ranges read off it."""

from __future__ import annotations

import statistics
from collections import Counter
from pathlib import Path

import pytest

from gptbudget import load_catalog
from gptbudget.answer.validation import headline_rows
from gptbudget.catalog.paths import data_file
from gptbudget.catalog.reference import load_evidence
from gptbudget.evidence.cross import (
    LeftOutRow,
    class_ranges,
    inside_of_others,
    load_cross,
    untested,
)
from gptbudget.evidence.published import PublishedRun, load_published_runs
from gptbudget.evidence.score import by_group, score, score_errors
from gptbudget.evidence.speed import constant_score, tokens_per_s
from gptbudget.evidence.validate import run_of
from gptbudget.run.run import TRANSFERRED
from tests.conftest import Cli
from tests.measured import scored_runs

RUNS, _, LEFT_OUT = load_published_runs()
SPEEDS = [row for row in RUNS if row.speed is not None]


def left_out() -> list[LeftOutRow]:
    """Dense, 16 bit, all weights, complete inputs, predicted without their source."""
    return [r for r in load_cross().rows if (r.family, r.inputs) == ("dense", "complete")]


def test_every_published_speed_is_scored() -> None:
    assert len(scored_runs().speeds) == len(SPEEDS) >= 450
    assert {row.id for row in load_cross().rows} == {row.id for row in SPEEDS}


def test_error_on_sources_that_were_left_out() -> None:
    rows = left_out()
    others = [row for row in rows if row.source != "llm-foundry"]
    each = [found.median for found in by_group(rows, ("source",))]

    assert score(rows).median <= 0.06
    assert score(rows).within_15 >= 0.85
    assert score(others).median <= 0.08
    assert score(others).within_15 >= 0.75
    assert statistics.median(each) <= 0.08


def test_a_constant_utilization_is_far_worse() -> None:
    rows = left_out()
    constant = score_errors([row.constant_error for row in rows if row.constant_error is not None])

    assert score(rows).median <= 0.4 * constant.median
    ours, theirs = (
        score(headline_rows(scored_runs().speeds)),
        constant_score(headline_rows(scored_runs().speeds)),
    )
    assert theirs is not None
    assert ours.median <= 0.4 * theirs.median


def test_each_group_stands_beside_the_best_constant(cli: Cli) -> None:
    groups = [
        group
        for group in cli("validate", "-o", "json").json["groups"]
        if group["section"] == "speed"
    ]
    by_source = {
        group["group"]["source"]: group["constant"]
        for group in groups
        if list(group["group"]) == ["family", "inputs", "source"]
        and (group["group"]["family"], group["group"]["inputs"]) == ("dense", "complete")
    }
    whole = next(group for group in groups if not group["group"])["constant"]
    best = constant_score(headline_rows(scored_runs().speeds))

    assert best is not None
    assert all({"median", "p90", "bias", "within_15"} <= set(each) for each in by_source.values())
    assert sum(each["rows"] for each in by_source.values()) == best.rows == whole["rows"]
    assert whole["median"] == pytest.approx(best.median)


def test_ranges_are_what_was_read_off() -> None:
    found = class_ranges(load_cross().rows)
    *classes, _ = load_evidence().time_ranges

    assert {each.name for each in classes} == set(found)
    for each in classes:
        assert (each.low, each.high) == pytest.approx(
            (found[each.name].low, found[each.name].high), abs=0.005
        )
        count = f"{found[each.name].rows} runs of {found[each.name].sources} source"
        assert each.evidence.startswith(count)


def test_the_range_is_honest() -> None:
    complete = [
        each for each in inside_of_others(load_cross().rows) if each[0].inputs == "complete"
    ]
    inside = sum(right for _, right, _ in complete) / len(complete)

    assert 0.75 <= inside <= 0.90
    assert statistics.median(half for _, _, half in complete) <= 0.25


def test_runs_whose_range_nobody_else_gives_are_counted_and_named(cli: Cli) -> None:
    rows = load_cross().rows
    alone = [row for row in untested(rows) if row.inputs == "complete"]
    answer = " ".join(cli("validate", "--cross").out.split())
    complete = sum(row.inputs == "complete" for row in rows)

    assert f"{len(alone)} of {complete} are not tested" in answer
    for name, count in Counter(row.range_class for row in alone).items():
        assert f"{name} ({count})" in answer


def test_a_share_of_the_weight_is_counted_exactly() -> None:
    rows = [
        LeftOutRow(str(error), "one source", "dense", "complete", "a class", error, None)
        for error in range(10)
    ]
    found = class_ranges(rows, (0.1, 0.9))["a class"]

    assert (found.low, found.high) == (1, 9)  # nine tenths, which as floats sum to less


def test_the_usual_percentiles_would_hold_too_few_runs_of_a_new_source() -> None:
    # What the list of things chosen after errors says of the 10th to 90th percentile.
    rows = inside_of_others(load_cross().rows, (0.1, 0.9))
    complete = [right for row, right, _ in rows if row.inputs == "complete"]

    assert any("10th to 90th" in each for each in load_cross().chosen_after_errors)
    assert any(each.startswith(f"{TRANSFERRED} of") for each in load_cross().chosen_after_errors)
    assert sum(complete) / len(complete) < 0.75


def test_compared_cards_are_those_of_the_runs() -> None:
    catalog = load_catalog(user=False)
    known = {entry.key for entry in catalog.gpus}
    runs = {row.gpu for row in SPEEDS} & known
    architectures = {
        catalog.gpus.find(gpu).spec.architecture for gpu in load_evidence().compared_gpus
    }

    assert load_evidence().compared_gpus == runs
    assert architectures <= load_evidence().compared_architectures


def test_no_run_is_there_twice() -> None:
    ids = [row.id for row in RUNS] + [name for left in LEFT_OUT for name in left.ids]

    assert not [name for name, count in Counter(ids).items() if count > 1]


@pytest.mark.parametrize("row", SPEEDS, ids=lambda row: row.id)
def test_row_says_what_a_speed_needs(row: PublishedRun) -> None:
    said = {"precision", "checkpointing", "attention", "micro_batch", "seq_len", "stack"}

    assert said <= set(row.options) | set(row.speed_options)
    assert row.quote
    assert row.about.stack_reason


def test_tpus_and_old_cards_stand_in_lines_of_their_own() -> None:
    families = {row.keys["hardware"]: row.keys["family"] for row in scored_runs().speeds}
    old = [row for row in scored_runs().speeds if row.keys["family"] == "old cards"]

    assert (families["TPU"], families["V100 and older"]) == ("TPUs", "old cards")
    assert not {row.keys["hardware"] for row in headline_rows(scored_runs().speeds)} & {
        "TPU",
        "V100 and older",
    }
    assert {row.keys["card"] for row in old} >= {"p100-sxm2-16gb-fp16", "gtx-titan-x-fp16"}


def test_a_card_without_tensor_cores_runs_16_bit_at_the_rate_of_fp32() -> None:
    # https://github.com/openai/openai-gemm, a Pascal card: 7000 x 1760 x 1760 at 9,807 GFLOP/s of
    # 16 bit with sums in fp32, 9,584 of fp32.
    catalog = load_catalog([data_file("published_models.yaml")], user=False)
    for name in ("p100-sxm2-16gb-fp16", "gtx-titan-x-fp16"):
        peaks = catalog.gpus.find(name).spec.peak_tflops
        assert peaks.fp16 == pytest.approx(peaks.fp32, rel=9_807 / 9_584 - 1)


def test_what_has_no_effect_is_not_assumed() -> None:
    # One GPU has nobody to shard with: such a row is complete.
    alone = [row for row in SPEEDS if row.options.get("gpus", 1) == 1 and row.assumed_input]

    assert not [row.id for row in alone if "ZeRO" in (row.assumed_input or "")]
    assert {row.assumed_input for row in SPEEDS if row.source == "qwen"} == {None}


def test_a_card_that_no_source_names_is_assumed() -> None:
    said = {row.assumed_input for row in SPEEDS if row.source == "nanotron"}

    assert len(said) == 1
    assert str(said.pop()).startswith("card: ")


@pytest.mark.parametrize(
    ("name", "published"),
    [
        # as printed: tokens/s of all GPUs, or per GPU, or a step, or TFLOP/s by equation 3
        ("lf-mpt7b-h10080-8x-s2048-bf16-mb6-ga1", 10_643 * 8),
        ("llmc-gpt2-1558m-8h100", 1_048_576 / 2.80),
    ],
)
def test_published_tokens_per_s(name: str, published: float) -> None:
    row = next(each for each in scored_runs().speeds if each.id == name)

    assert row.published == pytest.approx(published)


def test_a_rate_is_read_by_its_convention() -> None:
    # Narayanan et al. 2021, Table 1: 145.6B at 148 TFLOP/s of 1,536 A100, recomputation counted;
    # 96 B s l h^2 (1 + s/6h + V/16lh): 1.2 million FLOPs a token and byte of rounding: 0.5 %.
    row = next(each for each in RUNS if each.id == "megatron-sc21-145B")
    catalog = load_catalog([data_file("published_models.yaml")], user=False)
    run = run_of(row, catalog, load_evidence())
    assert row.speed is not None
    layers, width, seq, vocabulary = 80, 12288, 2048, 51200
    flops = 96 * layers * width**2 * (1 + seq / 6 / width + vocabulary / 16 / layers / width)

    found = tokens_per_s(row.speed, run)
    assert found == pytest.approx(row.speed.value * 1e12 * 1536 / flops, rel=5e-3)


def test_one_run_in_full(cli: Cli) -> None:
    answer = cli("validate", "--run", "llmc-gpt2-1558m-8h100").out

    assert answer.startswith("llmc-gpt2-1558m-8h100: predicted over published: tokens/s +")
    for word in (
        "2.80 s",
        "products",
        "data parallel",
        "quoted from the source:",
        "software: native, because",
    ):
        assert word in answer


def test_cross_prints_the_stored_result(cli: Cli) -> None:
    answer = cli("validate", "--cross").out
    found = cli("validate", "--cross", "-o", "json").json

    assert load_cross().made in answer
    assert "tests/cross/leave_one_source_out.py" in answer
    assert answer.count("chosen after errors were seen") == len(load_cross().chosen_after_errors)
    assert len(found["rows"]) == len(load_cross().rows)


USERS = """
sources:
  mine:
    title: my cluster
    options: {gpu: h100, gpus: 8, model: llama-2-7b, dp: 8, zero: 3, stack: compiled, seq_len: 4096}
    rows:
      - {id: one, micro_batch: 2, tokens_per_s: 80000}
      - {id: two, micro_batch: 1, global_batch_tokens: 32768, step_s: 0.41}
"""


def test_a_users_runs_are_scored(tmp_path: Path, cli: Cli) -> None:
    file = tmp_path / "runs.yaml"
    file.write_text(USERS)
    found = cli("validate", "--runs", str(file), "-o", "json").json

    assert {row["id"]: row["published"] for row in found["rows"]} == {
        "one": 80_000,
        "two": pytest.approx(32_768 / 0.41),
    }
    assert "two" in cli("validate", "--runs", str(file), "--run", "two").out


PEAK = """    figure: card
    rows:
      - {id: big, peak_gib: 90}
      - {id: one, """
COMPLETE = "precision: bf16, checkpointing: none, attention: flash, "


@pytest.mark.parametrize(
    ("change", "assumed"),
    [
        (("seq_len: 4096", f"{COMPLETE}seq_len: 4096"), None),
        (("seq_len: 4096", "seq_len: 4096"), "precision, checkpointing, attention"),
        (("zero: 3, ", COMPLETE), "zero"),
        (("dp: 8, zero: 3, ", COMPLETE), "layout"),
        (("gpus: 8, model: llama-2-7b, dp: 8, zero: 3, ", f"model: gpt2-xl, {COMPLETE}"), None),
        (("stack: compiled, ", COMPLETE), "stack"),
        (("micro_batch: 2, ", COMPLETE), "micro_batch"),
        (("seq_len: 4096", f"{COMPLETE}seq_len: 4096, assumed_input: network"), "network"),
        (("dp: 8, zero: 3, ", f"{COMPLETE}assumed_input: network, "), "network; layout"),
    ],
)
def test_a_row_is_complete_where_nothing_comes_from_a_default(
    tmp_path: Path, cli: Cli, change: tuple[str, str], assumed: str | None
) -> None:
    assert change[0] in USERS
    file = tmp_path / "runs.yaml"
    file.write_text(USERS.replace(*change).replace("80000", "8000"))
    row = cli("validate", "--runs", str(file), "-o", "json").json["rows"][0]
    said = cli("validate", "--runs", str(file), "--run", "one").out

    assert row["group"]["inputs"] == ("assumed" if assumed else "complete")
    assert (row["assumed_input"] or "").partition(": ")[0] == (assumed or "")
    assert ("assumed for this run: " in said) is (assumed is not None)


def test_an_empty_runs_file_has_no_key_to_name(tmp_path: Path, cli: Cli) -> None:
    file = tmp_path / "runs.yaml"
    file.write_text("")
    result = cli("validate", "--runs", str(file))

    assert result.code == 4
    assert "runs.yaml:1: a mapping of keys to values belongs here" in " ".join(result.err.split())


def test_one_run_is_no_plural(tmp_path: Path, cli: Cli) -> None:
    file = tmp_path / "runs.yaml"
    file.write_text("\n".join(USERS.splitlines()[:-1]).replace("seq_len", f"{COMPLETE}seq_len"))

    assert "1 run of 1 source, " in cli("validate", "--runs", str(file)).out


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (("micro_batch: 2", "micro_bach: 2"), 4, "runs.yaml:7: sources.mine.rows.0.micro_bach"),
        (("tokens_per_s: 80000", "quote: x"), 4, "nothing was measured"),
        (("tokens_per_s: 80000", "tokens_per_s: -1"), 4, "tokens_per_s"),
        (("tokens_per_s: 80000", "mfu: 0.4"), 4, "mfu needs convention"),
        (("tokens_per_s: 80000", "mfu: 1.4"), 4, "mfu"),
        (("tokens_per_s: 80000", "peak_gib: 40"), 4, "a peak needs to know what it is"),
        (("tokens_per_s: 80000", "tokens_per_s: 1, step_s: 1"), 4, "two speeds of one run"),
        (("global_batch_tokens: 32768, ", ""), 4, "step_s needs global_batch_tokens"),
        (("title: my cluster", "titel: my cluster"), 4, "runs.yaml:4: sources.mine.titel: unknown"),
        (("id: two", "id: one"), 4, "runs.yaml:8: the id 'one' is given twice (first at"),
        (("tokens_per_s: 80000", "tokens_per_s: 800000"), 4, "runs.yaml:7: one: its speed needs"),
        (
            ("    rows:\n      - {id: one, ", PEAK),
            4,
            "runs.yaml:8: big: a peak of 90.00 GiB is more than",
        ),
        (("gpu: h100", "gpu: h1000"), 4, "runs.yaml:7: one: "),
        (("dp: 8", "dp: 3"), 4, "runs.yaml:7: one: --dp 3"),
        (("id: one, ", ""), 4, "id: is missing"),
        (("model: llama-2-7b, ", ""), 4, "model is missing"),
        (("sources:", "source:"), 4, "runs.yaml:"),
    ],
)
def test_a_runs_file_with_a_fault(
    tmp_path: Path, cli: Cli, change: tuple[str, str], code: int, said: str
) -> None:
    assert change[0] in USERS
    file = tmp_path / "runs.yaml"
    file.write_text(USERS.replace(*change))
    result = cli("validate", "--runs", str(file))

    assert (result.code, result.out) == (code, "")
    assert said in " ".join(result.err.split())


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--run", "llmc-gpt2-1558m"), 3, "did you mean llmc-gpt2-1558m-8h100"),
        (("--run", LEFT_OUT[0].ids[0]), 3, "is listed and not scored"),
        (("--cross", "--run", "x"), 2, "--cross prints a stored result"),
        (("--runs", "nowhere.yaml"), 4, "nowhere.yaml"),
    ],
)
def test_what_cannot_be_shown(cli: Cli, options: tuple[str, ...], code: int, said: str) -> None:
    result = cli("validate", *options)

    assert (result.code, result.out) == (code, "")
    assert said in result.err
