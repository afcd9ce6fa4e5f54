"""A traced number is the number, and its text evaluates to it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gptbudget.answer.explain.steps import written
from gptbudget.answer.explain.traced import Traced, Tracing
from gptbudget.core.arrays import added, maximum, minimum, real, whole
from gptbudget.core.parts import Parts
from tests.answer.explain.arithmetic import evaluated

NUMBERS = st.sampled_from([0, 1, 2, 3, 0.5, 1.0, 7, -2, 1e9])
OPERATIONS = ("+", "-", "*", "/", "//", "**")


def text(of: Traced) -> str:
    return written(of, {}, lambda _, name: name)


def calculated(operation: str, left: Any, right: Any) -> Any:
    return {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: left / right,
        "//": lambda: left // right,
        "**": lambda: left**right,
    }[operation]()


@given(st.lists(st.tuples(st.sampled_from(OPERATIONS), NUMBERS, st.booleans()), max_size=8))
def test_any_chain_of_operations_is_what_it_says(
    chain: list[tuple[str, float, bool]],
) -> None:
    tracing = Tracing()
    names: dict[str, float] = {"first": 6}
    traced: Any = tracing.leaf("first", 6)
    value: Any = 6
    for place, (operation, number, turned) in enumerate(chain):
        names[f"n{place}"] = number
        other = tracing.leaf(f"n{place}", number)
        left, right = (number, value) if turned else (value, number)
        if operation == "**" and (abs(left) > 1e6 or abs(right) > 9):
            continue
        try:
            result = calculated(operation, left, right)
            usable = not isinstance(result, complex) and math.isfinite(result)
        except (ZeroDivisionError, OverflowError):
            continue
        if not usable or abs(result) > 1e100:
            continue
        value = result
        traced = calculated(operation, *((other, traced) if turned else (traced, other)))
    assert float(traced) == pytest.approx(value, rel=1e-12)
    assert evaluated(text(traced), names) == pytest.approx(value, rel=1e-12)


def test_what_changes_nothing_is_left_out() -> None:
    tracing = Tracing()
    layers, one, kept = (
        tracing.leaf("layers", 48),
        tracing.leaf("one", 1),
        tracing.leaf("gpus", 1, kept=True),
    )
    assert text(layers * one + 0 * layers) == "layers"
    assert text(layers / one**2 - 0) == "layers"
    assert text(layers * kept) == "layers * gpus"
    assert text(-tracing.negative(layers)) == "layers"
    assert (layers * 0).value == 0


def test_the_larger_of_two_is_the_formula_of_that_one() -> None:
    tracing = Tracing()
    layers, width = tracing.leaf("layers", 48), tracing.leaf("width", 1600)
    assert text(maximum(layers * 2, width)) == "width"
    assert text(minimum(layers * 2, width)) == "layers * 2"
    assert text(real(layers)) == "layers"  # type: ignore[arg-type]


def test_a_rounded_number_says_so_and_a_whole_one_stays() -> None:
    tracing = Tracing()
    layers, share = tracing.leaf("layers", 48), tracing.leaf("share", 0.3)
    assert text(whole(layers * 2)) == "layers * 2"
    for factor in (1, 1.25, 1 / 24, 0.01):
        rounded = whole(layers * share * factor)
        assert evaluated(text(rounded), {"layers": 48, "share": 0.3}) == whole(48 * 0.3 * factor)
    assert text(whole(layers * share)) == "(layers * share + 0.5) // 1"


def test_brackets_stand_where_they_are_needed_and_only_there() -> None:
    tracing = Tracing()
    a, b, c = (tracing.leaf(name, value) for name, value in (("a", 5), ("b", 3), ("c", 2)))
    assert text(a - (b - c)) == "a - (b - c)"
    assert text(a - b - c) == "a - b - c"
    assert text(a / (b * c)) == "a / (b * c)"
    assert text((a + b) * c) == "(a + b) * c"
    assert text((a**b) ** c) == "(a ** b) ** c"
    assert text(a ** (b**c)) == "a ** b ** c"
    assert text((-a) ** c) == "(-a) ** c"
    assert text(-(a**c)) == "-a ** c"


def product(one: Any, other: Any) -> Any:
    return one * other


def test_what_was_made_alike_in_one_place_is_one_number_and_has_one_name() -> None:
    tracing = Tracing()
    a, b = tracing.leaf("a", 5), tracing.leaf("b", 3)
    assert product(a, b) is product(a, b)
    assert product(a, b) is not a * b
    assert product(a, b).function == "product"
    names = {id(product(a, b)): "product"}
    assert written(product(a, b) + 1, names, lambda _, name: name) == "product + 1"
    assert written(a * b + 1, names, lambda _, name: name) == "a * b + 1"


def test_what_computes_for_others_computes_nothing_itself() -> None:
    tracing = Tracing()
    numbers = [tracing.leaf("a", 5), tracing.leaf("b", 3)]
    assert added(numbers).function == ("test_what_computes_for_others_computes_nothing_itself")
    assert Parts({"a": numbers[0], "b": numbers[1]}).total.function == added(numbers).function


@pytest.mark.parametrize("value", [2.4, 2.5, 3.5, 2.6, 3])
def test_rounds_as_numbers_do(value: float) -> None:
    rounded = round(Tracing().leaf("a", value))
    assert rounded == round(value)
    assert evaluated(text(rounded), {"a": value}) == round(value)


def test_no_cache_takes_one() -> None:
    with pytest.raises(TypeError):
        hash(Tracing().leaf("layers", 48))


def test_compares_and_counts_as_its_value() -> None:
    layers = Tracing().leaf("layers", 48)
    assert layers == 48
    assert 47 < layers <= 48
    assert layers >= 48
    assert list(range(layers))[-1] == 47
    assert int(layers) == 48
    assert layers % 5 == 3
    assert 2**layers == 2**48
    assert 100 // layers == 2
    assert (repr(layers), str(layers), f"{layers:.1f}") == ("Traced(48)", "48", "48.0")
    assert abs(-layers) is layers


@pytest.mark.parametrize("text", ["__import__('os')", "a.b", "[1]", "'a' * 3", "not 1"])
def test_only_arithmetic_is_evaluated(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        evaluated(text, {"a": 1})
