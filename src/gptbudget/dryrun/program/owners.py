"""Which device memory belongs to what: found from the modules and optimizers that are alive."""

import gc
from collections.abc import Iterable, Iterator
from typing import Any

import torch

_DEPTH = 3


def owners(optimizers: list[torch.optim.Optimizer]) -> dict[int, str]:
    """What modules and optimizers hold on the card: address of the memory -> kind."""
    kinds: dict[int, str] = {}
    for kind, tensor in _held(optimizers):
        local = getattr(tensor, "_local_tensor", tensor)
        try:
            if local.device.type == "cuda":
                kinds.setdefault(local.untyped_storage().data_ptr(), kind)
        except (AttributeError, RuntimeError, NotImplementedError):
            continue  # no tensor, or one that only wraps others
    return kinds


def modules() -> list[torch.nn.Module]:
    """All modules that are alive."""
    return [each for each in gc.get_objects() if issubclass(type(each), torch.nn.Module)]


def _held(optimizers: list[torch.optim.Optimizer]) -> Iterator[tuple[str, Any]]:
    alive = modules()
    for parameter in _parameters(alive, optimizers):
        yield "gradients", parameter.grad
        for part in _parts(parameter):
            yield "parameters", part
    for optimizer in optimizers:
        for state in optimizer.state.values():
            for tensor in _tensors(state):
                yield "optimizer_states", tensor
    for module in alive:
        for buffer in module._buffers.values():
            yield "buffers", buffer


def _parameters(
    alive: list[torch.nn.Module], optimizers: list[torch.optim.Optimizer]
) -> Iterator[Any]:
    for module in alive:
        yield from (each for each in module._parameters.values() if each is not None)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            yield from group["params"]


def _parts(parameter: Any) -> Iterator[Any]:
    """A parameter, and what a quantized one keeps beside its weights."""
    yield parameter
    yield from _tensors(getattr(parameter, "quant_state", None))
    flatten = getattr(parameter, "__tensor_flatten__", None)
    if flatten is not None:
        yield from (getattr(parameter, name, None) for name in flatten()[0])


def _tensors(value: Any, depth: int = 0) -> Iterator[torch.Tensor]:
    """The tensors in a state: it may be a tensor, a collection, or an object with fields."""
    if isinstance(value, torch.Tensor):
        yield value
    elif depth < _DEPTH:
        for each in _inside(value):
            yield from _tensors(each, depth + 1)


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list | tuple):
        return value
    return list(vars(value).values()) if hasattr(value, "__dict__") else ()
