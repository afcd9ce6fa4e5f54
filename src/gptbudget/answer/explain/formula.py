"""A traced number as text: its formula with names, and the same with numbers in it."""

from collections.abc import Callable, Iterator, Mapping

from gptbudget.answer.explain.traced import LEAF, NEGATIVE, NUMBER, Traced

_RANK = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2, "%": 2, NEGATIVE: 3, "**": 4}
_RIGHT_NEEDS_MORE = frozenset({"-", "/", "//", "%", "*"})
_WHOLE = 5

Names = Mapping[int, str]
"""What has a name, by identity."""


def written(of: Traced, names: Names, say: Callable[[Traced, str], str]) -> str:
    """The formula of a number; what has a name stands for itself, said as ``say`` wants it."""
    return _written(of, names, say, root=True)[0]


def met(of: Traced, names: Names) -> Iterator[tuple[Traced, str]]:
    """The numbers with names that the formula of ``of`` meets, in order."""
    for operand in of.operands:
        name = _name(operand, names)
        if name:
            yield operand, name
        else:
            yield from met(operand, names)
    if of.operation == LEAF:
        yield of, of.name


def terms(of: Traced, names: Names) -> dict[int, tuple[Traced, int, int]]:
    """What could be named inside a formula: each with its size and how often it stands there.

    The size is the number of numbers that are written.
    """
    found: dict[int, tuple[Traced, int, int]] = {}

    def size(part: Traced, *, root: bool = False) -> int:
        if part.operation in {LEAF, NUMBER} or (not root and _name(part, names)):
            return 1
        whole = sum(size(operand) for operand in part.operands)
        if not root:
            times = found[id(part)][2] if id(part) in found else 0
            found[id(part)] = (part, whole, times + 1)
        return whole

    found[id(of)] = (of, size(of, root=True), 0)
    return found


def _name(of: Traced, names: Names) -> str:
    return of.name if of.operation == LEAF else names.get(id(of), "")


def _written(
    of: Traced, names: Names, say: Callable[[Traced, str], str], *, root: bool = False
) -> tuple[str, int]:
    name = of.name if root else _name(of, names)
    if name:
        return say(of, name), _WHOLE if of.value >= 0 else _RANK[NEGATIVE]
    if of.operation == NUMBER:
        return repr(of.value), _WHOLE if of.value >= 0 else _RANK[NEGATIVE]
    rank = _RANK[of.operation]
    inner = [_written(each, names, say) for each in of.operands]
    if of.operation == NEGATIVE:
        return f"-{_bracketed(*inner[0], rank)}", rank
    left = _bracketed(*inner[0], rank + (of.operation == "**"))
    right = _bracketed(*inner[1], rank + (of.operation in _RIGHT_NEEDS_MORE))
    return f"{left} {of.operation} {right}", rank


def _bracketed(text: str, rank: int, least: int) -> str:
    return text if rank >= least else f"({text})"
