"""Named parts of a whole: every total in the program is the sum of its parts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gptbudget.core.arrays import Count, added, whole

T = TypeVar("T")


@dataclass(frozen=True)
class Parts(Mapping[str, T], Generic[T]):
    """An ordered, immutable mapping from part to amount.

    Example:
        >>> Parts({"weights": 3, "gradients": 4}).total
        7
    """

    amounts: Mapping[str, T] = field(default_factory=dict)

    def __getitem__(self, part: str) -> T:
        return self.amounts[part]

    def __iter__(self) -> Iterator[str]:
        return iter(self.amounts)

    def __len__(self) -> int:
        return len(self.amounts)

    @property
    def total(self) -> Count:
        """The sum of the parts, in their unit; integers stay integers."""
        return added(self.amounts.values())

    def scaled(self, factor: Count) -> "Parts[Count]":
        """Every part times ``factor``."""
        return Parts({part: amount * factor for part, amount in self.amounts.items()})

    def whole(self) -> "Parts[Count]":
        """Every part to the nearest whole unit, so that sums are exact in any order."""
        return Parts({part: whole(amount) for part, amount in self.amounts.items()})

    def present(self) -> "Parts[T]":
        """Only the parts that are not zero; arrays are kept."""
        present = {p: a for p, a in self.amounts.items() if hasattr(a, "__array__") or a}
        return Parts(present)
