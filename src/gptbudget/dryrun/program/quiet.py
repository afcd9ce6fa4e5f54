"""What the program is kept from.

Writing checkpoints, uploading, compiling extensions, cuDNN's attention, and host work that no
result depends on.
"""

import importlib.abc
import importlib.util
import sys
from collections.abc import Callable, Iterable
from functools import partial
from types import ModuleType
from typing import Any

import torch

_LARGE = 100_000
"""Elements from which on a tensor of the host is not initialised."""
_INITIALISERS = ("normal_", "uniform_", "trunc_normal_", "kaiming_uniform_", "kaiming_normal_",
                 "xavier_uniform_", "xavier_normal_", "orthogonal_", "erfinv_")  # fmt: skip
_WRITERS = (
    ("safetensors.torch", ("save_file", "save_model")),
    ("torch.distributed.checkpoint", ("save", "async_save", "save_state_dict")),
    ("torch.distributed.checkpoint.state_dict_saver", ("save", "async_save", "save_state_dict")),
    ("huggingface_hub", ("upload_file", "upload_folder", "upload_large_folder", "create_repo")),
)

_hooks: dict[str, list[Callable[[ModuleType], None]]] = {}


def keep_from_writing() -> None:
    """Checkpoints and uploads do nothing."""
    torch.save = _nothing
    for name, functions in _WRITERS:
        after_import(name, partial(_silence, functions))


def _silence(names: tuple[str, ...], module: ModuleType) -> None:
    for name in names:
        if hasattr(module, name):
            setattr(module, name, _nothing)


def _nothing(*_: Any, **__: Any) -> None:
    """Stand in for a function that writes."""


def skip_initialisers() -> None:
    """Large tensors of the host keep no values: nobody reads them, and they take no memory."""
    for owner in (torch.Tensor, torch.nn.init):
        for name in _INITIALISERS:
            if hasattr(owner, name):
                setattr(owner, name, _unless_large(getattr(owner, name)))


def _unless_large(initialise: Callable[..., Any]) -> Callable[..., Any]:
    def skipped(tensor: torch.Tensor, *arguments: Any, **named: Any) -> Any:
        if tensor.device.type == "cpu" and tensor.numel() > _LARGE:
            return tensor
        return initialise(tensor, *arguments, **named)

    return skipped


class NullExtension:
    """An extension that would be compiled at run time: every function is there and does nothing."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        known = {
            "flatten": torch._utils._flatten_dense_tensors,
            "unflatten": torch._utils._unflatten_dense_tensors,
        }
        if name in known:
            return known[name]
        skipped.add(f"{self._name}.{name}")
        return lambda *_, **__: 0


skipped: set[str] = set()
"""Functions of extensions that did nothing."""


def load_null_extensions() -> None:
    """Extensions are not compiled."""
    import torch.utils.cpp_extension as extension

    extension.load = lambda name, *_, **__: NullExtension(name)
    extension.load_inline = lambda name, *_, **__: NullExtension(name)

    def deepspeed(module: ModuleType) -> None:
        builder = module.OpBuilder
        for name in ("load", "jit_load"):
            setattr(builder, name, lambda self, *_, **__: NullExtension(self.name))
        builder.is_compatible = lambda *_, **__: True

    after_import("deepspeed.ops.op_builder.builder", deepspeed)


def prefer_flash_attention() -> None:
    """Where a program chooses cuDNN's attention, flash attention runs, which keeps as much.

    Only the real cuDNN can plan its graphs.
    """
    from torch.nn import attention

    choose, flash = attention._sdpa_kernel, attention.SDPBackend.FLASH_ATTENTION

    def choose_others(backends: Iterable[Any], *arguments: Any, **named: Any) -> Any:
        cudnn = attention.SDPBackend.CUDNN_ATTENTION
        chosen = dict.fromkeys(flash if each == cudnn else each for each in backends)
        return choose(list(chosen), *arguments, **named)

    attention._sdpa_kernel = choose_others


def after_import(name: str, hook: Callable[[ModuleType], None]) -> None:
    """Call ``hook`` with the module ``name`` once it is imported, or now where it has been."""
    if name in sys.modules:
        hook(sys.modules[name])
        return
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    _hooks.setdefault(name, []).append(hook)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds as the others do, and runs the hooks of a module behind its import."""

    def find_spec(self, name: str, *_: Any) -> Any:
        """Find a module that a hook waits for."""
        if name not in _hooks:
            return None
        hooks = _hooks.pop(name)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module

        def run_and_hook(module: ModuleType) -> None:
            run(module)
            for hook in hooks:
                hook(module)

        spec.loader.exec_module = run_and_hook  # type: ignore[method-assign]
        return spec
