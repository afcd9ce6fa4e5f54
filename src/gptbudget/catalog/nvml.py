"""The NVIDIA cards of this machine, as their driver reports them through NVML.

NVML counts every card of the machine, whatever ``CUDA_VISIBLE_DEVICES`` says.
"""

from typing import Any, NamedTuple

from gptbudget.errors import UsageError

NAME_ONE = "name one, for example --gpu 4070ti"


class Card(NamedTuple):
    """One card: the driver's name, and its memory in bytes where the driver says it."""

    name: str
    total_bytes: float | None
    """Installed memory minus ECC."""
    usable_bytes: float | None
    """The total less what the driver keeps for itself; CUDA's total is close to it."""


def read_cards() -> tuple[Card, ...]:
    """Every NVIDIA card of this machine.

    Raises:
        UsageError: NVML is not installed, no driver runs, or a card is cut into slices.
    """
    try:
        import pynvml
    except ImportError:
        raise UsageError(
            "--gpu auto needs the package nvidia-ml-py",
            f"install it with pip install 'gptbudget[nvml]', or {NAME_ONE}",
        ) from None
    try:
        pynvml.nvmlInit()
        try:
            count = pynvml.nvmlDeviceGetCount()
            return tuple(_card(pynvml, pynvml.nvmlDeviceGetHandleByIndex(i)) for i in range(count))
        finally:
            pynvml.nvmlShutdown()
    except (pynvml.NVMLError_LibraryNotFound, pynvml.NVMLError_DriverNotLoaded):
        raise UsageError("no NVIDIA driver runs on this machine", NAME_ONE) from None
    except pynvml.NVMLError as error:
        raise UsageError(f"the NVIDIA driver does not answer: {error}", NAME_ONE) from None


def _card(nvml: Any, handle: Any) -> Card:
    name = nvml.nvmlDeviceGetName(handle)
    name = name.decode() if isinstance(name, bytes) else str(name)
    if _is_cut(nvml, handle):
        raise UsageError(
            f"{name} is cut into slices (MIG), which are no cards of the catalog",
            "name the card with --gpu and the memory of a slice with --gpu-memory",
        )
    return Card(name, *_memory_bytes(nvml, handle))


def _is_cut(nvml: Any, handle: Any) -> bool:
    try:
        current, _ = nvml.nvmlDeviceGetMigMode(handle)
    except nvml.NVMLError:  # all but data-centre cards do not know the question
        return False
    return bool(current)


def _memory_bytes(nvml: Any, handle: Any) -> tuple[float | None, float | None]:
    """Total and usable memory; drivers before 510 do not say what they keep for themselves."""
    try:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2)
    except nvml.NVMLError_NotSupported:  # chips that share the memory of their host
        return None, None
    except nvml.NVMLError:
        total = float(nvml.nvmlDeviceGetMemoryInfo(handle).total)
        return total, total
    return float(memory.total), float(memory.total - memory.reserved)
