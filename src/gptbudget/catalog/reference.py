"""Reference data of the package: stacks, likely ranges of time, grids.

These files ship with the package and are checked by the tests, so they are not validated here.
"""

from functools import cache

from gptbudget.catalog.paths import data_file
from gptbudget.catalog.yamlfile import read_yaml
from gptbudget.errors import UsageError
from gptbudget.specs.evidence import Evidence, Grid, TimeRange
from gptbudget.specs.stack import stacks_from
from gptbudget.units import parse_amount


@cache
def load_evidence() -> Evidence:
    """Everything measured or published that estimates stand on."""
    ranges = read_yaml(data_file("time_ranges.yaml"), keep=True).data
    return Evidence(
        tuple(TimeRange(**fields) for fields in ranges["classes"]),
        frozenset(ranges["compared"]["architectures"]),
        frozenset(ranges["compared"]["gpus"]),
        (ranges["uncompared"]["low"], ranges["uncompared"]["high"]),
        stacks_from(read_yaml(data_file("stacks.yaml"), keep=True).data),
    )


def load_grids() -> dict[str, Grid]:
    """The grids whose carbon intensity is known, by name."""
    grids = read_yaml(data_file("grids.yaml"), keep=True).data["grids"]
    return {name: Grid(**fields) for name, fields in grids.items()}


def grid_intensity(text: str) -> float:
    """The carbon intensity that ``--grid`` names, in g CO2 per kWh: a number or a grid.

    Raises:
        UsageError: it is neither.
    """
    grids = load_grids()
    if text in grids:
        return grids[text].g_per_kwh
    try:
        return parse_amount(text)
    except ValueError:
        raise UsageError(
            f"--grid: {text!r} is not a grid",
            f"write g CO2 per kWh, or one of {', '.join(grids)}",
        ) from None
