"""Prices of accelerators: what a card and an hour of it cost, by whom and when."""

from typing import Literal

from gptbudget.specs.base import Positive, Spec, Text, YearMonth


class Price(Spec):
    """A dated price in US dollars; one without a date is not stored."""

    usd: Positive
    date: YearMonth
    kind: Literal["msrp", "street", "estimate", "on-demand", "spot"]
    source: Text


class ProviderPrice(Price):
    """What a provider asks for an accelerator and hour."""

    provider: Text


def compared(offers: tuple[ProviderPrice, ...]) -> tuple[ProviderPrice, ...]:
    """Return the on-demand offers, else all, cheapest first."""
    on_demand = [each for each in offers if each.kind == "on-demand"]
    return tuple(sorted(on_demand or offers, key=lambda each: each.usd))


def default_rent(headline: Price | None, offers: tuple[ProviderPrice, ...]) -> Price | None:
    """Return the price of an hour that counts: the headline price, else the median offer.

    Of two offers in the middle it is the lower, so that it is a real offer.
    """
    if headline is not None or not offers:
        return headline
    ordered = compared(offers)
    return ordered[(len(ordered) - 1) // 2]
