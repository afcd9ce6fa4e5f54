"""The hourly price used in an estimate and its source, and the prices of other providers."""

from collections.abc import Iterator

from gptbudget.answer.document import Data
from gptbudget.core.cost import rent_usd
from gptbudget.run.estimate import Estimate
from gptbudget.specs.gpu import GpuSpec
from gptbudget.specs.prices import Price, ProviderPrice
from gptbudget.units import format_many, format_price, format_usd

_FEWEST = {"on-demand": 2, "spot": 1}
"""Fewest offers to show by kind: a single on-demand price is already shown as the rent."""


def median_in_words(spec: GpuSpec) -> str | None:
    """Describe the median offer used as hourly price; ``None`` if the catalog has a price."""
    price = spec.rent_per_hour
    if not isinstance(price, ProviderPrice):
        return None
    offers = format_many(len(spec.compared_offers), "offer")
    return f"median of {offers}: {price.provider}, {price.kind}, {price.date}"


def rent_source(spec: GpuSpec, price: Price) -> str:
    """Return the source of the default hourly price."""
    median = median_in_words(spec)
    return f"{price.source} of {price.date}" if median is None else f"{median}: {price.source}"


def prices_of(spec: GpuSpec) -> Iterator[tuple[str, Price]]:
    """Return the known prices of a card and of an hour on it, with their labels."""
    prices = [
        ("price", spec.price),
        ("cloud price per hour", spec.cloud_price_per_hour),
        ("spot price per hour", spec.cloud_spot_price_per_hour),
        *((f"{each.provider}, per hour", each) for each in spec.cloud_prices),
    ]
    return ((label, price) for label, price in prices if price is not None)


def spread_in_words(estimate: Estimate, gpu_hours: float, kind: str) -> tuple[str, str] | None:
    """Return the rent at the cheapest and the dearest offer of a kind, and the providers.

    ``None`` where no offer is known, or no other on demand.
    """
    known = [each for each in estimate.run.gpu.spec.cloud_prices if each.kind == kind]
    if len(known) < _FEWEST[kind]:
        return None
    offers = sorted(known, key=lambda each: each.usd)
    low, high = offers[0], offers[-1]
    lowest, highest = (format_usd(rent_usd(gpu_hours, each.usd)) for each in (low, high))
    if len(offers) == 1:
        return lowest, f"{format_price(low.usd)} at {low.provider}, {low.date}"
    since, until = min(each.date for each in offers), max(each.date for each in offers)
    when = since if since == until else f"{since} to {until}"
    return (
        f"{lowest} to {highest}",
        f"{len(offers)} offers of {when}: {format_price(low.usd)} at {low.provider}, "
        f"{format_price(high.usd)} at {high.provider}",
    )


def offers_data(estimate: Estimate) -> list[Data]:
    """Return every provider's price, and the cost of the run there."""
    if estimate.cost is None:
        return []
    return [
        {
            "provider": each.provider,
            "kind": each.kind,
            "usd_per_gpu_hour": each.usd,
            "date": each.date,
            "source": each.source,
            "usd": float(rent_usd(estimate.cost.gpu_hours, each.usd)),
        }
        for each in estimate.run.gpu.spec.cloud_prices
    ]
