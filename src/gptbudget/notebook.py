"""Results of the public functions show themselves, in a notebook as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gptbudget.answer.document import Document


class Shown:
    """A result that a notebook shows as the tables of its command, and ``print`` as its verdict."""

    __slots__ = ()

    def document(self) -> Document:
        """The first sentence, tables and notes of the answer."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.document().headline

    def _repr_markdown_(self) -> str:
        from gptbudget.render.data import to_markdown

        return to_markdown(self.document())
