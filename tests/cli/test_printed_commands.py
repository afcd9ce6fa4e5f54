"""Printed commands are commands: with the catalogs that the question named."""

from __future__ import annotations

import shlex
from pathlib import Path

from tests.conftest import Cli


def test_printed_commands_name_the_catalogs_again(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "my lab.yaml"
    file.write_text(
        "gpus:\n  lab-card:\n    memory_gib: 24\n    memory_bandwidth_gb_per_s: 900\n"
        "    peak_tflops: {bf16: 150}\n"
    )
    asked = ("--gpu", "lab-card", "--model", "llama-2-7b", "--catalog", str(file))
    remedy = cli("compare", *asked, "--method", "lora", "-o", "json").json["results"][0]["remedies"]
    best = cli("fit", *asked, "-o", "json").json["results"][0]

    for printed in (*(each["command"] for each in remedy), best["command"]):
        program, *words = shlex.split(printed)
        again = cli(*words, "-o", "json")
        assert (program, again.code, again.err) == ("gptbudget", 0, "")
        assert again.json["results"][0]["memory"]["fits"]
