"""Who says so: the citations of the numbers of an answer."""

from functools import cache
from pathlib import Path

from gptbudget.catalog.yamlfile import read_yaml


@cache
def citations() -> dict[str, str]:
    """By the name of a number, or of the whole that it is a part of."""
    lines = read_yaml(Path(__file__).with_name("sources.yaml"), keep=True).data
    return {name: cited for names, cited in lines.items() for name in names.split()}
