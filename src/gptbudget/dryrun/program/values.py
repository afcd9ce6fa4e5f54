"""Values of tensors on a card that computes nothing.

A small tensor on the card keeps a copy on the host as long as its values are known: it was
uploaded, made by a factory, or computed from known tensors. These copies answer reads that decide
what the program does: masks, indices, lengths. A read of unknown values is recorded with its line,
and gets:

* 1 for a float, 0 for an integer, False for a bool;
* the largest possible shape, if a shape depends on them (``nonzero``, a boolean index);
* indices in turn, for choices such as ``topk`` or ``argmax`` of a router.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .alive import line_of_frame

_KNOWN = "_known_value"
_MOST_INTEGERS = 1 << 22
_MOST_FLOATS = 1 << 16
_FEW = 64


def _functions(*names: str) -> frozenset[Any]:
    """The functions called so in ``torch``, and the methods of a tensor."""
    pairs = ((owner, name) for owner in (torch, Tensor) for name in names)
    return frozenset(getattr(owner, name) for owner, name in pairs if hasattr(owner, name))


# fmt: off
_READS = _functions(
    "item", "tolist", "__bool__", "__int__", "__float__", "__index__", "numpy", "cpu", "equal",
    "is_nonzero", "allclose", "__contains__",
)
_SHAPE_FROM_VALUES = _functions("nonzero", "argwhere", "unique", "unique_consecutive", "bincount")
_MASKED = _functions("masked_select")
_REPEATED = _functions("repeat_interleave")
_CHOICES = _functions("topk", "argmax", "multinomial")
_EMPTY = _functions("empty", "empty_like", "empty_strided", "new_empty")
_NO_VALUES = _functions(
    "backward", "data_ptr", "register_hook", "requires_grad_", "__repr__", "__format__",
    "record_stream", "untyped_storage", "size", "dim",
)
_INDEXED = frozenset({Tensor.__getitem__, Tensor.__setitem__})
# fmt: on


def known(tensor: Tensor) -> Tensor | None:
    """The copy on the host of what a tensor on the card holds, where it is known."""
    return tensor.__dict__.get(_KNOWN) if hasattr(tensor, "__dict__") else None


def _keep(tensor: Tensor, value: Tensor | None) -> None:
    tensor.__dict__[_KNOWN] = value


def _small(tensor: Tensor) -> bool:
    whole = not (tensor.is_floating_point() or tensor.is_complex())
    return tensor.numel() <= (_MOST_INTEGERS if whole else _MOST_FLOATS)


def _on_card(value: Any) -> bool:
    return isinstance(value, Tensor) and value.device.type == "cuda"


def _is_mask(value: Any) -> bool:
    return _on_card(value) and value.dtype == torch.bool


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def _on_host(value: Any) -> Any:
    """An argument as it is on the host: known tensors by their copies, the card by the CPU."""
    if _on_card(value):
        return known(value)
    if type(value) in (list, tuple):
        return type(value)(_on_host(each) for each in value)
    if isinstance(value, torch.device) and value.type == "cuda":
        return torch.device("cpu")
    return "cpu" if isinstance(value, str) and value.startswith("cuda") else value


class Reads:
    """The reads of unknown values, by function and line."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, bool], int] = {}
        self.routed = 0
        """How many choices were taken in turn."""

    def note(self, name: str, *, shape: bool = False) -> None:
        """One more read; ``shape``: it decides the shape of a result."""
        key = (name, line_of_frame(sys._getframe(1)), shape)
        self._seen[key] = self._seen.get(key, 0) + 1

    def rows(self) -> list[dict[str, Any]]:
        """All of them; those that decide a shape first."""
        return [
            {"function": name, "line": line, "decides_shape": shape, "count": count}
            for (name, line, shape), count in sorted(
                self._seen.items(), key=lambda item: (not item[0][2], -item[1])
            )
        ]


class _Call(NamedTuple):
    """A call of a function of PyTorch."""

    func: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inputs: list[Tensor]
    on_card: list[Tensor]

    @property
    def name(self) -> str:
        return getattr(self.func, "__name__", "")

    @property
    def is_known(self) -> bool:
        """Whether the values of all inputs are known."""
        return all(known(each) is not None for each in self.on_card)

    def argument(self, place: int, name: str, otherwise: Any = None) -> Any:
        if len(self.args) > place:
            return self.args[place]
        return self.kwargs.get(name, otherwise)

    def run(self) -> Any:
        return self.func(*self.args, **self.kwargs)

    def run_on_host(self) -> Any:
        """The result from the copies; ``None`` where the host cannot do it."""
        args = [_on_host(each) for each in self.args]
        named = {name: _on_host(value) for name, value in self.kwargs.items()
                 if name not in ("pin_memory", "generator")}  # fmt: skip
        try:
            with torch.no_grad(), torch._C.DisableTorchFunction():
                return self.func(*args, **named)
        except (RuntimeError, TypeError, ValueError, IndexError):
            return None


class Values(TorchFunctionMode):
    """Keeps the copies, and answers from them."""

    def __init__(self, reads: Reads) -> None:
        super().__init__()
        self._reads = reads

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call ``func``, with values where it needs them."""
        kwargs = kwargs or {}
        if func in _NO_VALUES or getattr(func, "__name__", "") in ("__get__", "__set__"):
            return func(*args, **kwargs)
        inputs = list(_tensors((*args, *kwargs.values())))
        on_card = [each for each in inputs if each.device.type == "cuda"]
        call = _Call(func, args, kwargs, inputs, on_card)
        if any(torch._C._functorch.is_functorch_wrapped_tensor(each) for each in on_card):
            return call.run()
        return self._handler(call)(call)

    def _handler(self, call: _Call) -> Callable[[_Call], Any]:
        """The method for a call."""
        func = call.func
        if not call.on_card:
            return self._arrived
        if func in _INDEXED:
            return self._indexed if _reads_mask(call) else self._computed
        if func is torch.where and len(call.args) == 1:
            return self._shaped
        for functions, handler in (
            (_READS, self._read),
            (_SHAPE_FROM_VALUES, self._shaped),
            (_MASKED, self._masked),
            (_REPEATED, self._repeated),
        ):
            if func in functions:
                return handler
        return self._computed

    def _arrived(self, call: _Call) -> Any:
        """A tensor may come to the card: from a factory, or from the host."""
        out = call.run()
        if type(out) is not Tensor or not _on_card(out) or not _small(out) or call.func in _EMPTY:
            return out
        if not call.inputs:
            _keep(out, call.run_on_host())
        elif len(call.inputs) == 1 and call.inputs[0].shape == out.shape:
            _keep(out, call.inputs[0].detach().to(out.dtype).clone())
        return out

    def _read(self, call: _Call) -> Any:
        """The host asks for a value."""
        if call.is_known:
            value = call.run_on_host()
            return value.clone() if isinstance(value, Tensor) else value
        self._reads.note(call.name)
        return _ordinary(call.run())

    def _known_or_all(self, call: _Call, tensor: Tensor) -> Tensor:
        """Return the values that decide a shape; if unknown, record the read and return ones."""
        value = known(tensor)
        if value is None:
            self._reads.note(call.name, shape=True)
            value = torch.ones(tensor.shape, dtype=tensor.dtype)
        return value

    def _shaped(self, call: _Call) -> Any:
        """The shape of the result depends on the values of the first input."""
        tensor = call.args[0] if call.args else call.on_card[0]
        values = self._known_or_all(call, tensor)
        with torch._C.DisableTorchFunction():
            result = call.func(values, *call.args[1:], **call.kwargs)
        return _upload(result, tensor.device)

    def _masked(self, call: _Call) -> Any:
        """``masked_select``: as the index that its mask stands for."""
        tensor, mask = call.argument(0, "input"), call.argument(1, "mask")
        places = self._known_or_all(call, mask).expand(tensor.shape).nonzero(as_tuple=True)
        with self:
            return tensor[tuple(_upload(place, tensor.device) for place in places)]

    def _repeated(self, call: _Call) -> Any:
        """``repeat_interleave`` by a tensor: as long as its numbers add up to."""
        repeats = call.argument(1, "repeats", call.on_card[0])
        if not _on_card(repeats):
            return self._computed(call)
        if call.is_known:
            return _upload(call.run_on_host(), repeats.device)
        count = int(self._known_or_all(call, repeats).sum())
        return self._computed(call._replace(kwargs={**call.kwargs, "output_size": count}))

    def _indexed(self, call: _Call) -> Any:
        """A boolean index as the places it stands for."""
        tensor, index = call.args[0], call.args[1]
        places: list[Any] = []
        for each in index if isinstance(index, tuple) else (index,):
            if _is_mask(each):
                marked = self._known_or_all(call, each).nonzero(as_tuple=True)
                places += [_upload(place, each.device) for place in marked]
            else:
                places.append(each)
        with self:
            return call.func(tensor, tuple(places), *call.args[2:])

    def _computed(self, call: _Call) -> Any:
        """Any other function: what follows from known values is known."""
        is_known = call.is_known and all(_small(each) for each in call.inputs)
        out = call.run()
        name = call.name
        if name == "_amp_foreach_non_finite_check_and_unscale_":
            _keep(call.args[1], torch.zeros(call.args[1].shape))  # all gradients are finite
        elif is_known:
            _follow(out, call.run_on_host())
        elif call.func in _CHOICES:
            self._choose(call, out)
        elif name == "__setitem__" or (name.endswith("_") and not name.endswith("__")):
            target = call.args[0] if call.args else call.on_card[0]
            if _on_card(target):
                _keep(target, _copied(call) if name == "copy_" else None)
        elif name == "to" and isinstance(out, Tensor) and out.device.type == "cpu":
            self._reads.note(name)
        return out

    def _choose(self, call: _Call, out: Any) -> None:
        """Let choices among unknown values take all places in turn, so that they are balanced."""
        index = out if isinstance(out, Tensor) else out[1]
        place = 1 if call.name == "argmax" else 2
        dim = call.argument(place, "dim", -1)
        scores = call.args[0] if call.args else call.on_card[0]
        places = scores.size(dim if type(dim) is int else -1) if scores.dim() else 1
        if index.numel() <= _MOST_INTEGERS:
            turns = torch.arange(index.numel()) % places
            _keep(index, turns.view(index.shape))
            self._reads.routed += 1


def _reads_mask(call: _Call) -> bool:
    """Whether an index has a mask whose places are needed.

    A single value is filled in where the mask is set, without looking at it.
    """
    index = call.args[1]
    if not any(_is_mask(each) for each in (index if isinstance(index, tuple) else (index,))):
        return False
    values = call.args[2:]
    return not values or (isinstance(values[0], Tensor) and values[0].numel() > 1)


def _follow(out: Any, value: Any) -> None:
    """Keep the values that a result has on the host."""
    for each, copy in zip(_tensors((out,)), _tensors((value,)), strict=False):
        if each.shape != copy.shape:
            continue
        if not _on_card(each):
            each.data.copy_(copy)
        elif _small(each):
            _keep(each, copy)


def _copied(call: _Call) -> Tensor | None:
    """What ``copy_`` leaves in its target."""
    target, source = call.on_card[0], call.argument(1, "src")
    value = known(source) if _on_card(source) else source
    if not isinstance(value, Tensor) or not _small(target):
        return None
    return value.detach().to(target.dtype).expand(target.shape).clone()


def _upload(values: Any, device: torch.device) -> Any:
    """Tensors on the card whose values are known."""
    if isinstance(values, tuple):
        return tuple(_upload(each, device) for each in values)
    if not isinstance(values, Tensor):
        return values
    made = torch.empty(values.shape, dtype=values.dtype, device=device)
    _keep(made, values)
    return made


def _ordinary(value: Any) -> Any:
    """What was read of the empty card, with 1 for each number."""
    if isinstance(value, float):
        return 1.0
    if isinstance(value, list):
        return [_ordinary(each) for each in value]
    if isinstance(value, Tensor) and value.is_floating_point() and value.numel() <= _FEW:
        return torch.ones_like(value)
    return value


def keep_values(reads: Reads) -> None:
    """Keep values from here on; compiled code runs without, as it would be traced."""
    compiler, optimized = torch.compile, torch._dynamo.eval_frame.OptimizedModule

    def compile_without(model: Any = None, **named: Any) -> Any:
        if model is None:
            return lambda later: compile_without(later, **named)
        compiled = compiler(model, **named)
        return compiled if isinstance(compiled, torch.nn.Module) else _without_values(compiled)

    torch.compile = compile_without
    optimized.__call__ = _without_values(optimized.__call__)
    Values(reads).__enter__()


def _without_values(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        if torch.compiler.is_compiling():
            return function(*args, **kwargs)
        with torch._C.DisableTorchFunction():
            return function(*args, **kwargs)

    return called
