"""Model shapes of about a number of parameters, with dimensions fast on tensor cores.

Width is a multiple of 128 and the vocabulary is padded to one, so that no tile of a product is
cut (NVIDIA, Deep Learning Performance Guide, "Matrix Multiplication Background"). Between the
depth at which more layers stop being better than more width (Levine et al. 2020) and the widest
models of the GPT-3 family (128 channels a layer: Brown et al. 2020, Table 2.1) the loss hardly
depends on the shape (Kaplan et al. 2020, section 3.1: an aspect ratio 40 times as large costs 3 %),
so the shape is chosen for speed on the hardware.
"""

from collections.abc import Iterator
from typing import Literal

from gptbudget.core.parameters import count_parameters
from gptbudget.core.scaling_laws import deepest_layers, width_at_depth
from gptbudget.run.run import NamedModel
from gptbudget.specs.model import Attention, FeedForward, Head, ModelSpec, Norms, Positions
from gptbudget.units import format_count

_PIECE, _COARSEST = 128, 1024
_VOCABULARY = 50304
"""GPT-2's 50,257, padded to a multiple of 128."""
_WIDEST = 128
"""Channels a layer of GPT-3 6.7B and larger."""
_WIDER = 1.5
"""Than Levine's widths, where those are wider than the GPT-3 family: by hand, to have a choice."""
_LEAST_ASPECT, _MOST_ASPECT = 2, 2048
"""Range of width / layers that is considered. Set by hand."""
_WIDE_HEADS_FROM = 2048
_NEAR = 0.03
_MOST_WIDTH = 2**17
_MOST_SHAPES = 8
LARGEST_SHAPE = 1e13
"""Parameters up to which shapes are offered."""
DEFAULT_CONTEXT = 1024
_LONGEST_TABLE = 2048


def shape(layers: int, width: int, context: int) -> NamedModel:
    """A GPT of so many layers and channels: nanoGPT's architecture without biases, head tied."""
    heads = width // (128 if width >= _WIDE_HEADS_FROM else 64)
    spec = ModelSpec(
        name=f"GPT of {layers} layers and {width} channels",
        layers=layers,
        width=width,
        vocabulary=_VOCABULARY,
        context=context,
        attention=Attention(heads=heads, qkv_bias=False, output_bias=False),
        ffn=FeedForward(gated=False, bias=False),
        norms=Norms(kind="layernorm"),
        positions=Positions(kind=_positions(context)),
        head=Head(tied=True),
        sources=("a shape offered by gptbudget plan",),
    )
    size = format_count(count_parameters(spec).total, 3)
    return NamedModel(f"gpt-{size.lower()}", spec)


def _positions(context: int) -> Literal["learned", "rotary"]:
    """Learned positions as in GPT-3; rotary beyond, where a table would be large."""
    return "learned" if context <= _LONGEST_TABLE else "rotary"


def catalog_entry(model: ModelSpec) -> dict[str, object]:
    """The shape as an entry of a catalog file."""
    rotary = {"positions": {"kind": "rotary"}} if model.positions.kind == "rotary" else {}
    return {
        "name": model.name,
        "architecture": "nanogpt-nobias",
        "layers": model.layers,
        "width": model.width,
        "attention": {"heads": model.attention.heads},
        "vocabulary": model.vocabulary,
        "context": model.context,
        **rotary,
    }


def candidates(parameters: float, context: int) -> list[NamedModel]:
    """Return acceptable shapes within 3 % of this size, nearest first; at least one shape."""
    by_distance = sorted(
        (each for width in _widths() if (each := _of_width(parameters, width, context))),
        key=lambda each: abs(parameters_of(each) / parameters - 1),
    )
    sound = [each for each in by_distance if _is_sound(each.spec)] or by_distance
    near = [each for each in sound if abs(parameters_of(each) / parameters - 1) <= _NEAR]
    return near[:_MOST_SHAPES] or sound[:1]


def parameters_of(model: NamedModel) -> int:
    """Parameters of a shape, to the unit."""
    return count_parameters(model.spec).total


def _widths() -> Iterator[int]:
    """Yield multiples of 128, in larger steps for wide models, so that GPUs share heads."""
    width = _PIECE
    while width <= _MOST_WIDTH:
        yield width
        width += max(_PIECE, min(_COARSEST, 2 ** (width.bit_length() - 4)))


def _of_width(parameters: float, width: int, context: int) -> NamedModel | None:
    """Return the shape of this width nearest in size; ``None`` if its depth is out of range."""
    rows = _VOCABULARY + (context if _positions(context) == "learned" else 0)
    blocks = parameters - rows * width
    layers = round(blocks / (12 * width**2))
    if width == _PIECE:
        layers = max(1, layers)
    if layers < 1 or not _LEAST_ASPECT <= width / layers <= _MOST_ASPECT:
        return None
    return shape(layers, width, context)


def _is_sound(model: ModelSpec) -> bool:
    """Whether the shape is within the limits of depth and of width per layer."""
    deepest = deepest_layers(12 * model.layers * model.width**2)
    widest = max(_WIDEST, _WIDER * width_at_depth(deepest) / deepest)
    return model.layers <= deepest + 1 and model.width / model.layers <= widest
