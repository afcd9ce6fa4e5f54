"""A driver of NVIDIA's in place of the real one: its cards, and how it can fail."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

MIB = 2**20


class FakeCard(NamedTuple):
    """What NVML says of one card; ``None`` where it refuses to answer."""

    name: str | bytes
    total_mib: float | None
    reserved_mib: float | None = 0
    mig: bool | None = None


class NVMLError(Exception):
    pass


class NotSupportedError(NVMLError):
    pass


class FunctionNotFoundError(NVMLError):
    pass


class LibraryNotFoundError(NVMLError):
    pass


class DriverNotLoadedError(NVMLError):
    pass


def fake_nvml(*cards: FakeCard, fails: NVMLError | None = None) -> Any:
    """A module that answers like ``pynvml``; ``shut`` counts how often it was closed."""
    module: Any = ModuleType("pynvml")
    module.NVMLError = NVMLError
    module.NVMLError_NotSupported = NotSupportedError
    module.NVMLError_LibraryNotFound = LibraryNotFoundError
    module.NVMLError_DriverNotLoaded = DriverNotLoadedError
    module.nvmlMemory_v2 = 2
    module.shut = 0

    def start() -> None:
        if fails is not None:
            raise fails

    def stop() -> None:
        module.shut += 1

    def memory(card: FakeCard, version: int | None = None) -> SimpleNamespace:
        if card.total_mib is None:
            raise NotSupportedError("Not Supported")
        total = card.total_mib * MIB
        if version is None:
            return SimpleNamespace(total=total)
        if card.reserved_mib is None:
            raise FunctionNotFoundError("Function Not Found")
        return SimpleNamespace(total=total, reserved=card.reserved_mib * MIB)

    def mig(card: FakeCard) -> list[int]:
        if card.mig is None:
            raise NotSupportedError("Not Supported")
        return [int(card.mig), int(card.mig)]

    module.nvmlInit, module.nvmlShutdown = start, stop
    module.nvmlDeviceGetCount = lambda: len(cards)
    module.nvmlDeviceGetHandleByIndex = lambda index: cards[index]
    module.nvmlDeviceGetName = lambda card: card.name
    module.nvmlDeviceGetMemoryInfo = memory
    module.nvmlDeviceGetMigMode = mig
    return module
