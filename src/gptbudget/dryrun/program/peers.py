"""One process plays one rank of many: the others are silent, and never waited for."""

import os
import time
from typing import Any

import torch.distributed as dist
from torch.distributed import distributed_c10d

_OF_A_NODE = 8
_WATCHDOG_S = 0.11
_BACKEND = 2
"""Place of the backend among the arguments of ``new_group``."""
_ANSWER = bytes(128)
"""What an absent rank has written, whatever is asked for: the size of an NCCL identity."""


class LonelyStore(dist.Store):
    """A store in which only this rank writes; keys of others are there and mean nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._values: dict[str, bytes] = {}

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""
        self._values[key] = value.encode() if isinstance(value, str) else bytes(value)

    def get(self, key: str) -> bytes:
        """Give a value back, without waiting."""
        return self._values.get(key, _ANSWER)

    def add(self, key: str, amount: int) -> int:
        """Count, as if all others had counted too."""
        total = int(self._values.get(key, b"0")) + amount
        self._values[key] = str(total).encode()
        return total

    def compare_set(self, key: str, _: Any, desired: Any) -> bytes:
        """Keep a value where the expected one is there."""
        if key not in self._values:
            self.set(key, desired)
        return self._values[key]

    def check(self, keys: list[str]) -> bool:
        """Whether all keys have been written by this rank."""
        return all(key in self._values for key in keys)

    def wait(self, *_: Any) -> None:
        """Wait for nobody."""

    def delete_key(self, key: str) -> bool:
        """Forget a key."""
        return self._values.pop(key, None) is not None

    def num_keys(self) -> int:
        """How many keys there are."""
        return len(self._values)

    def set_timeout(self, _: Any) -> None:
        """Nothing takes time."""

    @property
    def timeout(self) -> Any:
        """The timeout that nothing reaches."""
        return distributed_c10d.default_pg_timeout


class World:
    """The ranks that ``torch.distributed`` believes in."""

    def __init__(self, rank: int) -> None:
        self.rank = rank
        self.size = 1
        self._store = LonelyStore()  # PyTorch's own reference would not keep this object alive
        self._init = dist.init_process_group
        self._new_group = dist.new_group
        self._take_over()

    def resize(self, size: int) -> None:
        """Play one rank of ``size``, and say so where programs look for it."""
        self.size = size
        of_a_node = min(size, _OF_A_NODE)
        os.environ.update(
            RANK=str(self.rank),
            LOCAL_RANK=str(self.rank % of_a_node),
            WORLD_SIZE=str(size),
            LOCAL_WORLD_SIZE=str(of_a_node),
            GROUP_RANK=str(self.rank // of_a_node),
            MASTER_ADDR="127.0.0.1",
            MASTER_PORT="29500",
            DRYRUN_DEVICES=str(of_a_node),
        )

    def _take_over(self) -> None:
        _register_fake_backend()
        _replace("init_process_group", self._init_process_group)
        _replace("new_group", self._new_group_here)
        _replace("all_gather_object", _fill)
        _replace("gather_object", lambda value, into=None, *_, **__: _fill(into, value))
        _replace("broadcast_object_list", lambda *_, **__: None)
        _replace("scatter_object_list", self._scatter)
        _replace("monitored_barrier", lambda *_, **__: None)
        distributed_c10d._store_based_barrier = lambda *_, **__: None
        dist._verify_params_across_processes = lambda *_, **__: None

    def _init_process_group(self, backend: Any = None, *_: Any, **named: Any) -> Any:
        asked = named.get("world_size") or 0
        if asked > self.size:
            self.resize(asked)
        kept = {key: named[key] for key in ("pg_options", "device_id", "timeout") if key in named}
        return self._init(
            backend=_without_gloo(backend),
            rank=self.rank,
            world_size=self.size,
            store=self._store,
            **kept,
        )

    def _new_group_here(self, *arguments: Any, **named: Any) -> Any:
        if len(arguments) > _BACKEND:
            backend = _without_gloo(arguments[_BACKEND])
            arguments = (*arguments[:_BACKEND], backend, *arguments[_BACKEND + 1 :])
        if "backend" in named:
            named["backend"] = _without_gloo(named["backend"])
        return self._new_group(*arguments, **named)

    def _scatter(self, out: list[Any], values: list[Any] | None, *_: Any, **__: Any) -> None:
        if values:
            out[0] = values[self.rank] if self.rank < len(values) else values[0]


def let_watchdog_pass() -> None:
    """Wait until NCCL's watchdog has looked once.

    PyTorch keeps the buffers of a collective until that thread has seen that it is done, which it
    looks for ten times a second. On a card a phase takes longer than that; here it takes no time.
    """
    if dist.is_available() and dist.is_initialized():
        time.sleep(_WATCHDOG_S)


def _replace(name: str, function: Any) -> None:
    for module in (dist, distributed_c10d):
        setattr(module, name, function)


def _fill(into: list[Any] | None, value: Any, *_: Any, **__: Any) -> None:
    """Every rank has said what this one says."""
    for place in range(len(into or ())):
        into[place] = value  # type: ignore[index]


def _without_gloo(backend: Any) -> Any:
    """Gloo would connect to the others; the backend "fake" answers in its place."""
    if not isinstance(backend, str):
        return backend
    return backend.replace("gloo", "fake")


def _register_fake_backend() -> None:
    import torch.testing._internal.distributed.fake_pg  # noqa: F401 - registers itself
