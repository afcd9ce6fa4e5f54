"""Which ranks are run: of a pipeline the first of each stage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gptbudget.dryrun.ranks import first_ranks, read_ranks, stages_of
from gptbudget.errors import UsageError


@pytest.mark.parametrize(
    ("words", "stages"),
    [
        ("pretrain_gpt.py --pipeline-model-parallel-size 4", 4),
        ("-m torchtitan.train --parallelism.pipeline_parallel_degree=8", 8),
        ("train.py --pp_size 2 --lr 1", 2),
        ("train.py --pipeline-model-parallel-size", 1),
        ("train.py", 1),
    ],
)
def test_stages(words: str, stages: int) -> None:
    assert stages_of(words.split()) == stages


@given(stages=st.integers(1, 16), of_a_stage=st.integers(1, 64))
def test_each_stage_is_run_once(stages: int, of_a_stage: int) -> None:
    ranks = first_ranks(stages, stages * of_a_stage)
    assert [rank // of_a_stage for rank in ranks] == list(range(stages))
    assert all(rank % of_a_stage == 0 for rank in ranks)


def test_ranks() -> None:
    assert read_ranks("3") == (3,)
    assert read_ranks("0,16,16,32") == (0, 16, 32)
    for text in ("", "a", "-1", "1,", "²"):
        with pytest.raises(UsageError, match="is no rank"):
            read_ranks(text)
