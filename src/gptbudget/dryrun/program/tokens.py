"""How many tokens a step has: counted where they are looked up in the largest embedding."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch.nn import functional


class Tokens:
    """Counts tokens of the running step; compiled models look theirs up unseen."""

    def __init__(self, is_counted: Callable[[], bool]) -> None:
        self._is_counted = is_counted
        self._rows: dict[int, int] = {}
        """Tokens by the number of rows of the embedding."""
        embedding = functional.embedding

        self._inside = False

        @wraps(embedding)
        def counted(indices: torch.Tensor, weight: torch.Tensor, *args: Any, **named: Any) -> Any:
            if self._inside or not self._is_counted():  # a mode may call it from itself
                return embedding(indices, weight, *args, **named)
            rows = weight.shape[0]
            self._rows[rows] = self._rows.get(rows, 0) + indices.numel()
            self._inside = True
            try:
                return embedding(indices, weight, *args, **named)
            finally:
                self._inside = False

        functional.embedding = counted

    def since_the_last(self) -> int | None:
        """Tokens since this was asked before; ``None`` where none were seen."""
        tokens = self._rows[max(self._rows)] if self._rows else None
        self._rows.clear()
        return tokens
