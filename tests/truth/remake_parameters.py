"""Make a part of the parameter tables again: needs torch and transformers, which we do not.

    python -m pytest tests/truth/remake_parameters.py

builds every config of ``tests/catalog/huggingface/public.json`` and ``variants.json`` on the meta
device, counts tensor by tensor and compares with the tables and with our own count. Its name
keeps it out of the usual test run; it skips itself where the two libraries are missing.
"""

from __future__ import annotations

import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from gptbudget.catalog.huggingface.load import load_config
from gptbudget.core.parameters import count_parameters

FIXTURES = Path(__file__).parent.parent / "catalog/huggingface"
CASES: list[dict[str, Any]] = [
    case
    for name in ("public.json", "variants.json")
    for case in json.loads((FIXTURES / name).read_text())["models"]
]
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(
        not (find_spec("torch") and find_spec("transformers")),
        reason="torch and transformers are not installed",
    ),
]


def built(config: dict[str, Any]) -> Any:
    """The causal language model of a config, without memory for its tensors."""
    torch, transformers = import_module("torch"), import_module("transformers")
    config = dict(config.get("text_config", config))
    kind = config.pop("model_type", "gemma3_text")
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(
            transformers.AutoConfig.for_model(kind, **config)
        )
    model.tie_weights()
    return model


def counted(model: Any) -> tuple[int, int]:
    """Total and active; parameters that are one tensor are listed once."""
    sizes = {name: tensor.numel() for name, tensor in model.named_parameters()}
    total = sum(sizes.values())
    experts = sum(size for name, size in sizes.items() if ".experts." in name)
    if not experts:
        return total, total
    config = model.config
    count = next(getattr(config, name) for name in EXPERTS if hasattr(config, name))
    return total, total - experts + experts * config.num_experts_per_tok // count


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES])
def test_tables_and_formulas(tmp_path: Path, case: dict[str, Any]) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(case["config"]))
    ours = count_parameters(load_config(file))

    total, active = counted(built(case["config"]))

    assert (total, active) == (case["total"], case.get("active", case["total"]))
    assert (total, active) == (ours.total, ours.active)
