"""The ranks that are worth running: one of each pipeline stage, or those that are asked for."""

from collections.abc import Sequence

from gptbudget.errors import UsageError

STAGES = "stages"
_PIPELINE = frozenset(
    {
        "pipeline-model-parallel-size",
        "pipeline-parallel-degree",
        "parallelism.pipeline-parallel-degree",
        "pipeline-parallel-size",
        "pp-size",
    }
)
"""Options of programs that give the number of pipeline stages (Megatron-LM, torchtitan, others)."""


def stages_of(command: Sequence[str]) -> int:
    """The pipeline stages that a command line asks for; 1 where it asks for none.

    Example:
        >>> stages_of(["pretrain_gpt.py", "--pipeline-model-parallel-size", "4"])
        4
        >>> stages_of(["train.py", "--pp_size=2"])
        2
    """
    for word, following in zip(command, [*command[1:], ""], strict=True):
        name, _, value = word.removeprefix("--").partition("=")
        if word.startswith("--") and name.replace("_", "-") in _PIPELINE:
            number = value or following
            return int(number) if number.isdigit() else 1
    return 1


def first_ranks(stages: int, world_size: int) -> tuple[int, ...]:
    """The first rank of each stage: neighbouring ranks share a stage, as all these programs do."""
    return tuple(stage * world_size // stages for stage in range(stages))


def read_ranks(text: str) -> tuple[int, ...]:
    """Read ``3`` or ``0,16,32``.

    Raises:
        UsageError: the text is no list of ranks.
    """
    parts = text.split(",")
    if not all(part.isdecimal() and part.isascii() for part in parts):
        raise UsageError(
            f"--rank {text} is no rank", f"write a rank, several with commas, or {STAGES}"
        )
    return tuple(dict.fromkeys(int(part) for part in parts))
