"""Stacks are data: what each says, which is the default for what, and names that come from it."""

from __future__ import annotations

from typing import get_args

import pytest

from gptbudget.catalog.index import default_stacks, stack_names
from gptbudget.catalog.reference import load_evidence
from gptbudget.specs.stack import DefaultFor
from tests.conftest import Cli

STACKS = load_evidence().stacks


def test_names_and_defaults_are_those_of_the_loaded_stacks() -> None:
    assert stack_names() == tuple(STACKS.stacks)
    assert default_stacks() == STACKS.defaults


def test_each_kind_of_layout_has_one_default() -> None:
    said = [case for stack in STACKS.stacks.values() for case in stack.default_for]
    assert sorted(said) == sorted(get_args(DefaultFor))


def test_each_measured_implementation_has_one_stack() -> None:
    said = [name for stack in STACKS.stacks.values() for name in stack.measured_as]
    assert sorted(said) == ["hf-gpt2", "hf-llama", "nanogpt"]


def test_what_a_stack_is_a_choice_of_is_not_taken_over() -> None:
    like_eager = STACKS.stacks["deepspeed"]
    assert like_eager.registers_mask
    assert (like_eager.default_for, like_eager.measured_as) == ((), ())
    assert not STACKS.stacks["torchtitan-eager"].program_flags


@pytest.mark.parametrize("name", STACKS.stacks)
def test_each_stack_is_an_option(cli: Cli, name: str) -> None:
    answer = cli("memory", "--gpu", "h100", "--model", "gpt2", "--stack", name)
    assert (answer.code, answer.err) == (0, "")


def test_an_unknown_stack_lists_the_file(cli: Cli) -> None:
    answer = cli("compare", "--gpu", "4090", "--model", "gpt2", "--stack", "keras")
    listed = ", ".join(STACKS.stacks)
    sentence = f"--stack: 'keras' is not known; write one of {listed}"
    assert (answer.code, answer.err) == (2, f"gptbudget: error: {sentence}\n")
