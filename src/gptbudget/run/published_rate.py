"""Convert a published speed into tokens/s and the peak for its MFU."""

from collections.abc import Callable
from typing import NamedTuple

from gptbudget.errors import UsageError
from gptbudget.run.complete import precision_and_peak
from gptbudget.run.origins import refuse_two, refuse_unused
from gptbudget.run.run import NamedGpu
from gptbudget.specs.command_options import ReadingOptions
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Precision


class PublishedRate(NamedTuple):
    """A published speed, to be read as an MFU in every convention."""

    tokens_per_s: float
    gpus: int
    gpu: str
    precision: Precision
    peak_flops_per_s: float


def published_rate(
    options: ReadingOptions, model: ModelSpec, find_gpu: Callable[[str], tuple[NamedGpu, int]]
) -> PublishedRate | None:
    """The published speed that ``--tokens-per-s`` or ``--tflops`` gives, if either does.

    ``find_gpu`` gives the accelerator of a name, and how many there are of this machine's own.

    Raises:
        UsageError: the speed is given twice or without a GPU, or the card lacks the precision.
    """
    from gptbudget.core.conventions import convention_flops_per_token

    if options.tokens_per_s is None and options.tflops is None:
        unused = ("gpu", "gpus", "precision", "convention")
        refuse_unused(options, unused, "without a speed", "add --tokens-per-s or --tflops")
        return None
    refuse_two(options, ("tokens_per_s", "tflops"), "give the speed")
    if options.tokens_per_s is not None and options.convention is not None:
        raise UsageError("--convention says how --tflops was counted", "drop it")
    if options.gpu is None or len(options.gpu) > 1:
        raise UsageError("an MFU needs one --gpu", "name it, for example --gpu a100")
    gpu, cards = find_gpu(options.gpu[0])
    gpus = options.gpus or cards
    precision, peak = precision_and_peak(gpu, options.precision)
    tokens_per_s = options.tokens_per_s
    if tokens_per_s is None:
        length = options.seq_len or model.default_seq_len
        counted = convention_flops_per_token(model, length, options.convention or "exact")
        tokens_per_s = gpus * (options.tflops or 0) * 1e12 / counted
    return PublishedRate(tokens_per_s, gpus, gpu.key, precision, peak)
