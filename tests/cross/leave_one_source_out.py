"""Refit the constants of the step time without each source in turn, and store what that gives.

Run it as ``python tests/cross/leave_one_source_out.py``: it writes
``src/gptbudget/data/cross_validation.json``, which ``gptbudget validate --cross`` prints and from
which the likely ranges in ``time_ranges.yaml`` are read off.

Two constants are fitted: the share of the measured matmul rate that products sustain, and a further
factor on Hopper and data-centre Blackwell. They minimize the mean absolute log error, cut off at
one half, over dense 16-bit rows of all weights on any hardware. Everything else is as shipped.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gptbudget.catalog.catalog import load_catalog
from gptbudget.catalog.paths import data_file
from gptbudget.catalog.reference import load_evidence
from gptbudget.core.time.step import step_time
from gptbudget.evidence.published import load_published_runs
from gptbudget.evidence.score import grouped
from gptbudget.evidence.speed import ScoredSpeed, constant_errors, score_speed
from gptbudget.evidence.validate import run_of
from gptbudget.run.machine import SUSTAINED, SUSTAINED_ON_HOPPER, is_hopper
from gptbudget.run.run import ModelRun, Prediction

STORED = Path(__file__).parents[2] / "src/gptbudget/data/cross_validation.json"
SHARES = [0.84 + 0.01 * step for step in range(17)]
FACTORS = [0.86 + 0.01 * step for step in range(15)]
CUT_OFF = 0.5
FITTED_ON = {"dense", "TPUs", "old cards"}
CHOSEN_AFTER_ERRORS = [
    "0.95 of the sustained share on Hopper, first 1",
    "0.6 of flash attention's rate in llm-foundry, for runs beyond 4,096 tokens",
    "2.5 us a rank and collective of a ring that leaves the node, from three pairs of llm-foundry",
    "60 bytes a score of attention written out in PyTorch, first 20, on Languini",
    "elementwise traffic of plain modules, twice well-fused kernels, from llm-foundry",
    "0.95 of the 8-bit rate, first 0.85",
    "10 elements a channel of casts to 8 bit in every stack",
    "2 ms a layer of experts",
    "the matmul rate of the 80 GB A100 for that of 40 GB",
    "the root of the power limit's share for the 500 W H100 of torchtitan",
    "a node's network serves all rings that leave it together",
    "twice the traffic of adapters in fp32, and half of it where queries and values are adapted, "
    "on Qwen and Megatron-Bridge",
    "the 5th to 95th percentile as the likely range, in place of the 10th to 90th, which holds "
    "about 60 % of a new source's runs",
    "0.7 of a logged step's log ratio carried to other shapes",
    "0.74 of a collective's rate for a message between stages, and 1.67 ms an exchange in "
    "Megatron-LM of 2021, from Figures 12 and 18 of its paper",
    "messages of interleaved stages hidden in later Megatron-LM, and half of what replicas send in "
    "that of 2021 without stages",
]


class Fitted(NamedTuple):
    """The two constants."""

    sustained: float
    on_hopper: float


class Row(NamedTuple):
    """One published speed, and the run it describes."""

    run: ModelRun
    prediction: Prediction
    scored: ScoredSpeed

    @property
    def is_fitted_on(self) -> bool:
        """Whether constants are fitted on it."""
        return self.scored.keys["family"] in FITTED_ON

    def log_errors(self, constants: Sequence[Fitted]) -> list[float]:
        """Log of predicted over published tokens/s with each of these constants."""
        run, hopper = self.run, is_hopper(self.run.gpu.spec)
        shares = [each.sustained * (each.on_hopper if hopper else 1) for each in constants]
        machine = self.prediction.machine.rates._replace(sustained_share=np.array(shares))
        seconds = step_time(run.step, machine).total
        return [math.log(run.step_tokens / each / self.scored.published) for each in seconds]


def published_rows() -> list[Row]:
    """Every published speed of the package."""
    catalog = load_catalog([data_file("published_models.yaml")], user=False)
    evidence = load_evidence()
    found = []
    for published in load_published_runs().runs:
        run = run_of(published, catalog, evidence, published.speed_options)
        scored = score_speed(published, run)
        if scored is not None and run.prediction is not None:
            found.append(Row(run, run.prediction, scored))
    return found


def fit(errors: Mapping[Fitted, Sequence[float]], members: Iterable[int]) -> Fitted:
    """The constants with the smallest mean error over ``members``."""
    chosen = list(members)

    def loss(constants: Fitted) -> float:
        sizes = (min(abs(errors[constants][index]), CUT_OFF) for index in chosen)
        return sum(sizes) / len(chosen)

    return min(errors, key=loss)


def cross_validation(rows: Sequence[Row]) -> dict[str, Any]:
    """Constants and errors with each source left out."""
    fitted_on = [row for row in rows if row.is_fitted_on]
    grid = [Fitted(round(a, 2), round(b, 2)) for a, b in product(SHARES, FACTORS)]
    by_row = [row.log_errors(grid) for row in fitted_on]
    errors = dict(zip(grid, zip(*by_row, strict=True), strict=True))
    sources = dict.fromkeys(row.scored.source for row in rows)
    without = {
        source: fit(
            errors,
            (index for index, row in enumerate(fitted_on) if row.scored.source != source),
        )
        for source in sources
    }
    families = grouped([row.scored for row in rows], ("family",))
    constant = {
        row.id: error
        for _, members in families
        for row, error in zip(members, constant_errors(members), strict=True)
    }
    return {
        "made": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "script": "tests/cross/leave_one_source_out.py",
        "shipped": [SUSTAINED, SUSTAINED_ON_HOPPER],
        "fitted_on_all": list(fit(errors, range(len(fitted_on)))),
        "without": {source: list(constants) for source, constants in without.items()},
        "chosen_after_errors": CHOSEN_AFTER_ERRORS,
        "rows": [_stored(row, without[row.scored.source], constant[row.scored.id]) for row in rows],
    }


def _stored(row: Row, constants: Fitted, constant: float | None) -> dict[str, Any]:
    keys, (log_error,) = row.scored.keys, row.log_errors([constants])
    return {
        "id": row.scored.id,
        "source": row.scored.source,
        "family": keys["family"],
        "inputs": keys["inputs"],
        "class": row.prediction.time_range.name,
        "error": round(math.expm1(log_error), 4),
        "constant_error": None if constant is None else round(constant, 4),
    }


def main() -> None:
    """Refit, and write the result."""
    found = cross_validation(published_rows())
    rows = ",\n".join("    " + json.dumps(row) for row in found.pop("rows"))
    head = json.dumps(found, indent=2).removesuffix("\n}")
    STORED.write_text(f'{head},\n  "rows": [\n{rows}\n  ]\n}}\n', encoding="utf-8")
    print(f"{STORED.name}: fitted on all {found['fitted_on_all']}, shipped {found['shipped']}")


if __name__ == "__main__":
    main()
