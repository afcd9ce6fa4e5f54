"""Reference data of the package: stacks, utilization classes, grids."""

from __future__ import annotations

from functools import cache

from gptbudget.catalog.paths import data_file
from gptbudget.catalog.validate import build
from gptbudget.catalog.yamlfile import read_yaml
from gptbudget.errors import UsageError
from gptbudget.specs.evidence import Evidence, GridTable, UtilizationTable
from gptbudget.specs.stack import Stacks
from gptbudget.units import parse_amount


@cache
def load_evidence() -> Evidence:
    """Everything measured or published that estimates stand on."""
    utilization = read_yaml(data_file("utilization.yaml"))
    stacks = read_yaml(data_file("stacks.yaml"))
    return Evidence(
        utilization=build(UtilizationTable, utilization.data, utilization).classes,
        stacks=build(Stacks, stacks.data, stacks),
    )


def grid_intensity(text: str) -> float:
    """The carbon intensity that ``--grid`` names, in g CO2 per kWh: a number or a grid.

    Raises:
        UsageError: it is neither.
    """
    file = read_yaml(data_file("grids.yaml"))
    grids = build(GridTable, file.data, file).grids
    if text in grids:
        return grids[text].g_per_kwh
    try:
        return parse_amount(text)
    except ValueError:
        raise UsageError(
            f"--grid: {text!r} is not a grid",
            f"write g CO2 per kWh, or one of {', '.join(grids)}",
        ) from None
