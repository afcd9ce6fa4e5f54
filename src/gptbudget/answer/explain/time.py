"""The steps of the wall clock: seconds of a step by part, and what the run makes of them."""

from typing import Any

from gptbudget.answer.explain.sources import SOURCES, Formula
from gptbudget.answer.explain.steps import Book
from gptbudget.core.cost import delivered_flops_per_s
from gptbudget.core.flops import Square, forward_flops_per_token
from gptbudget.core.memory.placement import place, stages_that_may_be_worst
from gptbudget.core.memory.states import gradient_bytes
from gptbudget.core.time.block import attention_matrices, attention_s, block_s, products_s
from gptbudget.core.time.data_parallel import gather_s, reduce_s
from gptbudget.core.time.exchange import tensor_parallel_s
from gptbudget.core.time.head import head_s
from gptbudget.core.time.matmul import MEMORY_SHARE, product_s
from gptbudget.core.time.step import busiest_of, share_of
from gptbudget.run.estimate import Time, step_parts
from gptbudget.run.profiles import time_factor
from gptbudget.run.run import ModelRun, Prediction, Run
from gptbudget.specs.machine import Machine

_PARTS: dict[str, Formula] = {
    "products": "products",
    "attention": "attention",
    "elementwise": "elementwise",
    "recomputation": "recomputation",
    "logits_and_loss": "head",
    "host": "host",
    "tensor_parallel": "tensor_parallel",
    "context_ring": "context_ring",
    "expert_all_to_all": "expert_all_to_all",
    "pipeline_bubble": "pipeline",
    "pipeline_messages": "stage_messages",
    "data_parallel": "data_parallel",
    "optimizer": "optimizer",
    "offload": "host_traffic",
    "host_update": "host_update",
}


_ATTENTION_PRODUCTS = ("qkv", "attention_output")
_SUM = "the sum of the parts"


def explain_time(book: Book, run: Run, time: Time, plain: Time) -> None:
    """Write down the seconds of a step, the wall clock and the utilization."""
    if run.utilization is not None:
        delivered: Any = delivered_flops_per_s(
            run.gpus, run.peak_flops_per_s, run.utilization, run.goodput
        )
        book.define("delivered_flops_per_s", delivered, "FLOP/s", SOURCES["delivered"])
    elif run.prediction is not None and time.parts is not None and plain.parts is not None:
        _rates(book, run, run.prediction.machine.machine)
        if time.profile is not None:
            _profile(book, run, run.prediction)
        parts = [
            book.state(
                "time of a step", f"{part}_s", number, "s", SOURCES[_PARTS[part]], plain.parts[part]
            )
            for part, number in time.parts.items()
        ]
        total, figure = time.parts.total, plain.parts.total
        book.state("time of a step", "seconds_of_a_step", total, "s", _SUM, figure, parts=parts)
        book.define("step_tokens", run.step_tokens, "tokens", "micro-batches of every replica")
    _whole(book, time, plain)


def _profile(book: Book, run: ModelRun, prediction: Prediction) -> None:
    """Names of what was predicted before a logged step corrected it."""
    factor = time_factor(prediction.profiles.get(run.stack), run)
    book.define("profile_factor", factor, "", SOURCES["profile"])
    for part, number in step_parts(run.step, prediction).items():
        book.define(f"{part}_s_predicted", number, "s", SOURCES[_PARTS[part]])


def _whole(book: Book, time: Time, plain: Time) -> None:
    """The run as a whole."""
    stated: dict[str, tuple[str, Formula]] = {
        "wall_clock_s": ("s", "wall_clock"),
        "low_s": ("s", "range"),
        "high_s": ("s", "range"),
        "tokens_per_s": ("tokens/s", "throughput"),
        "step_s": ("s", "throughput"),
        "utilization": ("", "mfu"),
        "mfu": ("", "mfu"),
        "mfu_causal": ("", "mfu"),
    }
    for name, (unit, source) in stated.items():
        figure = getattr(plain, name)
        if figure is not None:
            name_here = "utilization_of_headline" if name == "utilization" else name
            book.state("time", name_here, getattr(time, name), unit, SOURCES[source], figure)


def _rates(book: Book, run: ModelRun, machine: Machine) -> None:
    """Names of the rates, and of the seconds of one block and of the head."""
    model, recipe, stack = run.work.spec, run.recipe, run.implementation.stack
    sustained = machine.matmul_flops_per_s * machine.sustained_share
    book.define("sustained_flops_per_s", sustained, "FLOP/s", SOURCES["rates"])
    if recipe.precision in {"fp8", "fp4"}:
        narrow = sustained * machine.narrow_ratio
        book.define("sustained_narrow_flops_per_s", narrow, "FLOP/s", SOURCES["rates"])
    reached = MEMORY_SHARE * machine.memory_bytes_per_s
    book.define("reached_bytes_per_s", reached, "B/s", SOURCES["rates"])
    step, share = run.step, share_of(run.step)
    book.define("micro_batch_tokens", share.tokens, "tokens", "of one GPU")
    width, tp, ffn = model.width, share.tp, model.ffn_width / share.tp
    into = 2 if model.ffn.gated else 1
    narrow = recipe.precision in {"fp8", "fp4"}
    of_attention = dict(zip(_ATTENTION_PRODUCTS, attention_matrices(model, tp), strict=False))
    named = {**of_attention, "ffn_in": (into * ffn, width), "ffn_out": (width, ffn)}
    for name, (columns, depth) in named.items():
        one = product_s(share.tokens, columns, depth, machine, narrow=narrow)
        book.define(f"{name}_product_s", one, "s", SOURCES["products"])
    forward, _ = products_s(step, machine, share)
    book.define("block_products_forward_s", forward, "s", SOURCES["products"])
    kernels = recipe.attention in {"flash", "efficient"}
    square: Square = "causal" if kernels else "full"
    of_token = forward_flops_per_token(model, share.seq_len, square).get("attention_scores", 0)
    book.define("attention_scores_flops", of_token, "FLOP", SOURCES["forward"])
    scores, _ = attention_s(step, machine, share)
    book.define("block_attention_forward_s", scores, "s", SOURCES["attention"])
    block, below = block_s(step, machine, share)
    for name in ("products", "attention", "elementwise", "recomputation"):
        book.define(f"block_{name}_s", getattr(block, name), "s", SOURCES[_PARTS[name]])
    for name in ("products", "attention", "elementwise"):
        book.define(f"frozen_block_{name}_s", getattr(below, name), "s", SOURCES[_PARTS[name]])
    book.define("block_s", block.total, "s", "the sum of its parts")
    tensor = tensor_parallel_s(model, recipe, machine, run.layout, share.tokens)
    book.define("block_tensor_parallel_s", tensor, "s", SOURCES["tensor_parallel"])
    stages = [
        place(model, recipe.method, run.layout, stage, split=stack.split)
        for stage in stages_that_may_be_worst(model, recipe.method, run.layout, stack.split)
    ]
    busiest, each = busiest_of(stages), gradient_bytes(recipe, stack)
    gather = gather_s(step, machine, busiest)
    book.define("gather_weights_s", gather, "s", SOURCES["data_parallel"])
    reduce = reduce_s(busiest, each, machine, run.layout)
    book.define("reduce_gradients_s", reduce, "s", SOURCES["data_parallel"])
    head = head_s(model, recipe, stack.speed, machine, share.tokens, share.tp)
    book.define("head_s", head, "s", SOURCES["head"])
