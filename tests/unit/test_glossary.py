"""The glossary knows every key and column that a command writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hwsim.output import OPS_COLUMNS, PROOF_COLUMN, as_json
from mapper.cache import CacheState
from mapper.explain import Causes, Explanation, OperatorTime, ResourceUse, WhatIf
from mapper.explain_nest import HeldView, LevelView, LoopView
from mapper.explain_op import OperatorDetail, TensorView, TrafficView
from mapper.explain_words import CAUSES
from search.comparison.metrics import RELATIVE
from search.objective import quantity_names
from search.sweep import COLUMNS, NESTED
from search.trials import table
from tests.unit.hwsim.report_example import example_report
from workloads.catalog import Entry

GLOSSARY = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text(encoding="utf-8")
VIEWS = (Causes, Explanation, OperatorTime, ResourceUse, WhatIf, HeldView, LevelView, LoopView, OperatorDetail,
         TensorView, TrafficView, Entry, CacheState)  # fmt: skip


def section(title: str) -> str:
    found = re.search(rf"^## {title}$(.*?)(?=^## |\Z)", GLOSSARY, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def keys(data: Any, free: tuple[str, ...] = ("traffic_bytes",)) -> Iterator[str]:
    """Keys of nested data; those below ``free`` are names of memories."""
    for key, value in data.items() if isinstance(data, dict) else ():
        yield key
        below = list(value.values()) if key in free and isinstance(value, dict) else [value]
        for item in below:
            yield from keys(item, free)
    for item in data if isinstance(data, list) else ():
        yield from keys(item, free)


def missing(names: Iterator[str] | tuple[str, ...]) -> list[str]:
    return sorted({name for name in names if f"`{name}`" not in section("Keys in files")})


def test_every_key_of_a_report_and_of_the_tables_is_explained() -> None:
    assert missing(keys(as_json(example_report()))) == []
    assert missing((*OPS_COLUMNS, PROOF_COLUMN)) == []
    assert missing((*COLUMNS, *NESTED, *RELATIVE, "kind", "baseline", "sweeps", "key", "values")) == []


def test_every_key_of_cost_and_hardwire_is_explained() -> None:
    from hwsim.cost_command import cost
    from mapper.hardwire_command import hardwire

    owned = CliRunner().invoke(cost, ["hnlpu", "h100_sxm", "--json"], catch_exceptions=False)
    made = CliRunner().invoke(hardwire, ["llama-3-8b", "--json"], catch_exceptions=False)
    assert missing(keys(json.loads(owned.output), ("ownership_dollars", "carbon_kg"))) == []
    assert missing(keys(json.loads(made.output))) == []


@pytest.mark.parametrize("view", VIEWS)
def test_every_key_of_an_explanation_is_explained(view: type) -> None:
    assert is_dataclass(view)
    assert missing(tuple(field.name for field in fields(view))) == []


def test_every_cause_is_explained_as_it_is_printed() -> None:
    printed = " ".join(section("Columns in print").split())
    assert [text for text in CAUSES.values() if text not in printed] == []


def test_every_column_of_a_search_is_explained() -> None:
    header, _ = table([], [], quantity_names())
    assert missing((*header, "sampler", "seed", "regret")) == []


def test_every_key_of_a_reproduction_is_explained() -> None:
    from search.reproduction.many import reproductions
    from search.reproduction.paper_file import load_paper
    from search.reproduction.result import ROW_COLUMNS
    from search.reproduction.result import as_json as reproduced

    found = reproduced(reproductions([load_paper("eyeriss")]))
    assert missing((*keys(found), *ROW_COLUMNS)) == []
