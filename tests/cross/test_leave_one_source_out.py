"""The stored result of leaving out one source after the other, made again."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

SCRIPT = Path(__file__).parent / "leave_one_source_out.py"


def test_stored_result_is_what_the_script_makes() -> None:
    spec = importlib.util.spec_from_file_location("leave_one_source_out", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)

    made = script.cross_validation(script.published_rows())
    stored = json.loads(script.STORED.read_text(encoding="utf-8"))

    assert {**made, "made": ""} == {**stored, "made": ""}
