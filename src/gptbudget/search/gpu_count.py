"""How many GPUs train a model within a time and a cost: the smallest count that does.

Counts are 1, 2, 4, 8, ... and, between two of these beyond a node, whole nodes; with degrees of a
layout given, multiples of their product.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from gptbudget.core.arrays import about
from gptbudget.errors import UsageError
from gptbudget.run.complete import complete_run
from gptbudget.run.run import NamedModel, Setting, Work
from gptbudget.search.fastest import NoTimeError, Way, best_way, knows_memory, node_size, way_of

MOST_GPUS = 2**17
_TRIES_BEYOND = 3
"""Doublings that are tried after the time was met and the cost was not."""

_HOPELESS = 1.2
"""A count that takes longer than this many times the limit with its neighbour's recipe is given
up."""

_ABOVE_PEAK = 1.1
"""No run is faster than this share of the peak: GeForce cards boost a little beyond it."""


class Limits(NamedTuple):
    """Limits on time and cost; ``None`` means no limit."""

    seconds: float | None
    usd: float | None

    def met(self, way: Way) -> bool:
        """Whether the time is within the limits, and the cost is known and within them."""
        cheap = self.usd is None or (way.usd is not None and way.usd <= self.usd)
        return cheap and self.in_time(way)

    def in_time(self, way: Way) -> bool:
        """Whether the wall clock is within the time."""
        return self.seconds is None or way.time.wall_clock_s <= self.seconds


class Counted(NamedTuple):
    """The answer for one accelerator and one model."""

    way: Way
    fits: bool | None
    met: bool
    """Whether this count is within the limits; else it is the nearest miss."""
    tried: int
    """Counts that were looked at."""
    largest: int
    """The largest count that was tried or skipped as certainly too slow."""

    @property
    def feasible(self) -> bool | None:
        """Whether it can be done; ``None`` where memory is not known."""
        return self.fits if self.met else False


class Search:
    """The search for one accelerator and one model."""

    def __init__(self, setting: Setting, work: Work, limits: Limits) -> None:
        self.setting, self.work, self.limits = setting, work, limits
        self.changes: dict[str, Any] = {"cost": None, "time": limits.seconds}
        self.tried = self.largest = 0
        options = setting.options
        self.base = math.prod(getattr(options, name) or 1 for name in ("dp", "tp", "pp", "cp"))
        plain = self._any()
        if limits.usd is not None and plain.usd is None:
            raise UsageError(
                f"--cost: no price of {setting.gpu.key} is known",
                "give --price (USD per GPU-hour), or --kwh-price for cards of your own",
            )
        self.has_memory = knows_memory(plain)
        run = plain.run
        self.fewest = plain.estimate.compute.required_flops / (
            run.peak_flops_per_s * _ABOVE_PEAK * (limits.seconds or float("inf"))
        )

    def smallest(self) -> Counted:
        """The smallest count within the limits, else the nearest miss."""
        below, meeting, miss = self._double()
        if meeting is None:
            way = miss or self._too_slow() or self._any()
            fits = way.estimate.memory.fits_accumulated if way.estimate.memory else None
            return Counted(way, fits, met=False, tried=self.tried, largest=self.largest)
        piece = math.lcm(node_size(self.setting), self.base)
        low, high = max(below, piece) // piece, meeting.run.gpus // piece
        while high - low > 1:
            middle = (low + high) // 2
            fewer = self._meeting(middle * piece, meeting)
            if fewer is None:
                low = middle
            else:
                high, meeting = middle, fewer
        best = self._best(meeting.run.gpus) or meeting
        fits = True if self.has_memory else None
        return Counted(best, fits, met=True, tried=self.tried, largest=self.largest)

    def _double(self) -> tuple[int, Way | None, Way | None]:
        """Double the count until limits are met: last failing count, first way, nearest miss."""
        below, miss, beyond = 0, None, 0
        for gpus in self._counts():
            self.largest = gpus
            way = self._best(gpus) if gpus >= self.fewest else None
            if way is not None and self.limits.met(way):
                return below, way, None
            if way is not None:
                stalled = miss is not None and way.time.wall_clock_s >= miss.time.wall_clock_s
                beyond += stalled or self.limits.in_time(way)
                miss = way if miss is None or self._nearer(way, miss) else miss
            if beyond == _TRIES_BEYOND:
                break
            below = gpus
        return below, None, miss

    def _counts(self) -> list[int]:
        """Return the counts of the doubling search; a single one if ``--dp`` is given."""
        if self.setting.options.dp is not None:
            return [self.base]
        doublings = range(max(MOST_GPUS // self.base, 1).bit_length())
        return [self.base << each for each in doublings]

    def _too_slow(self) -> Way | None:
        """Return the nearest miss among the counts skipped as certainly too slow, or ``None``."""
        fastest: Way | None = None
        for gpus in reversed([each for each in self._counts() if each < self.fewest]):
            way = self._best(gpus)
            if fastest is not None and (way is None or not self._nearer(way, fastest)):
                break
            fastest = way or fastest
        return fastest

    def _nearer(self, way: Way, other: Way) -> bool:
        """Whether a miss is nearer: in time first, then cheaper; if both are late, faster."""
        ours, theirs = (self.limits.in_time(each) for each in (way, other))
        if ours is not theirs:
            return ours
        if ours:
            return bool(about(way.usd or 0) < about(other.usd or 0))
        return bool(about(way.time.wall_clock_s) < about(other.time.wall_clock_s))

    def _meeting(self, gpus: int, neighbour: Way) -> Way | None:
        """Return a way within the limits; the options of the neighbouring count are tried first."""
        try:
            way = self._plain(gpus, neighbour.changes)
        except UsageError:
            way = None
        memory = None if way is None else way.estimate.memory
        fits = not self.has_memory or (memory is not None and memory.fits_accumulated)
        if way is not None and fits:
            if self.limits.met(way):
                self.tried += 1
                return way
            if way.time.wall_clock_s > _HOPELESS * (self.limits.seconds or math.inf):
                return None
        best = self._best(gpus)
        return best if best is not None and self.limits.met(best) else None

    def _best(self, gpus: int) -> Way | None:
        """Return the fastest way that fits on this many GPUs; ``None`` if none does or is valid."""
        self.tried += 1
        try:
            plain = self._plain(gpus, self.changes)
        except UsageError:
            return None  # fixed degrees that do not divide this count, for example
        if not self.has_memory or not isinstance(self.work, NamedModel):
            return plain
        return best_way(self._with(gpus), self.work, self.changes)

    def _any(self) -> Way:
        """Return the run on the smallest number of GPUs for which the options are valid."""
        for doublings in range(MOST_GPUS.bit_length()):
            try:
                return self._plain(self.base << doublings, self.changes)
            except NoTimeError:
                raise
            except UsageError:
                continue
        return self._plain(self.base, self.changes)

    def _plain(self, gpus: int, changes: Mapping[str, Any]) -> Way:
        return way_of(complete_run(self._with(gpus).changed(changes), self.work), changes)

    def _with(self, gpus: int) -> Setting:
        """Return the setting with this many GPUs; ``--network`` is dropped on a single node."""
        update: dict[str, Any] = {"gpus": gpus}
        if not self.setting.fixed("utilization"):
            update |= {"network": None} if gpus <= node_size(self.setting) else {}
            update |= {"gpus_per_node": None} if gpus == 1 else {}
        options = self.setting.options.changed(**update)
        origins: Mapping[str, Any] = {**self.setting.origins, "gpus": "given"}
        return self.setting._replace(options=options, origins=origins)


def counted_best_first(rows: list[Counted]) -> list[Counted]:
    """Sort: feasible, unknown, infeasible; then by cost, then by number of GPUs."""

    def rank(counted: Counted) -> tuple[int, float, int]:
        order = {True: 0, None: 1, False: 2}[counted.feasible]
        usd = counted.way.usd
        return order, float("inf") if usd is None else usd, counted.way.run.gpus

    return sorted(rows, key=rank)
