"""The chip file of a generated system of hardwired chips: the template's file with what the plan decides."""

from __future__ import annotations

from typing import Any

from hwsim.chip import Chip
from hwsim.config import chip_path
from hwsim.hardwiring import Plan, array_power, chip_power, grid_spec, links_of, rules
from hwsim.units._embedding import variant
from hwsim.yaml_text import read_yaml
from workloads.graph import OperatorGraph

_OURS = (
    *(f"memories.{name}.instances" for name in ("hbm", "attention_buffer")),
    *(f"memories.attention_buffer.{key}" for key in ("bandwidth", "area")),
    *(f"units.grid.{key}" for key in ("grid", "weight_bits", "weight_area", "in_flight")),
    *(f"units.grid.{key}" for key in ("partition", "blocks")),
    *(f"cost.{key}" for key in ("making.dies", "making.masks", "owning.chips_per_system", "owning.system_power")),
)


def chip_data(one: Plan, graph: OperatorGraph, template: Chip, tokens_per_second: float) -> dict[str, Any]:
    """The contents of the file.

    Args:
        one: the plan.
        graph: bound, for the partition.
        template: what a chip has, by name in ``hw_configs``.
        tokens_per_second: the rate at which the arrays work, for their power.
    """
    path = chip_path(template.name)
    data: dict[str, Any] = _lists(read_yaml(path.read_text(encoding="utf-8"), path.name).data)
    spec = grid_spec(template)
    ratio = one.chips / (spec.grid.rows * spec.grid.columns)
    data["title"] = f"Hardwired chips for {one.model}, {one.rows} x {one.columns}"
    data["description"] = (
        f"Written by hwsim hardwire {one.model} from {template.name}: per chip the same blocks and memories, an array"
        f" for its share of {one.weights:,} weights of {one.weight_bits} bits ({one.embedding}), links to"
        f" {links_of(one.rows, one.columns)} chips. Power is that at {tokens_per_second:,.0f} tokens/s."
    )
    for name, memory in template.memories.items():
        entry = data["memories"][name]
        entry["instances"] = round(memory.instances * ratio)
        if memory.bandwidth is not None:
            entry["bandwidth"] = f"{memory.bandwidth * ratio / 1e9:.10g} GB/s"
        if memory.area is not None:
            entry["area"] = f"{memory.area * ratio * 1e6:.10g} mm2"
    _fill_grid(data["units"]["grid"], one, graph, template, tokens_per_second)
    _fill_cost(data["cost"], one, template, data["units"]["grid"])
    data["sources"] = _sources(data["sources"], one)
    return data


def _fill_grid(grid: dict[str, Any], one: Plan, graph: OperatorGraph, template: Chip, rate: float) -> None:
    """The numbers are those of the array as it is built, so the file says nothing of the embedding."""
    spec, chosen = grid_spec(template), variant(one.embedding)
    area = spec.weight_area * chosen.density * one.weight_bits / spec.weight_bits
    grid |= {
        "grid": {"rows": one.rows, "columns": one.columns, "topology": spec.grid.topology},
        "weight_bits": one.weight_bits,
        "weight_area": f"{area * 1e12:.10g} um2",
        "initiation": spec.initiation * chosen.initiation,
        "depth": spec.depth * chosen.depth,
        "in_flight": one.in_flight,
        "partition": _lists(rules(graph, one.rows, one.columns)),
    }
    per_row = spec.attention.heads_per_cycle / spec.grid.rows
    grid["attention"] = {**grid["attention"], "heads_per_cycle": per_row * one.rows}
    blocks = grid["blocks"]
    blocks["array"] = {"area": f"{one.array * 1e6:.12g} mm2", "power": f"{array_power(one, rate):.6g} W"}
    links = links_of(one.rows, one.columns) / links_of(spec.grid.rows, spec.grid.columns)
    blocks["interconnect"] = {
        "area": f"{one.interconnect * 1e6:.10g} mm2",
        "power": f"{spec.blocks['interconnect'].power * links:.6g} W",
    }


def _fill_cost(cost: dict[str, Any], one: Plan, template: Chip, grid: dict[str, Any]) -> None:
    making, owning = cost["making"], cost["owning"]
    making["dies"] = one.chips
    masks = making["masks"]
    layers = {"metal": (masks["variant_duv"], 0), "all": (masks["duv"], masks["euv"]), "none": (0, 0)}
    masks["variant_duv"], masks["variant_euv"] = layers[variant(one.embedding).masks]
    masks["variants"] = 1 if variant(one.embedding).rewritable else one.chips
    owning["chips_per_system"] = one.chips
    spec = type(grid_spec(template)).model_validate(_tuples(grid))
    owning["system_power"] = f"{chip_power(spec.blocks) * one.chips * spec.supply:.6g} W"


def _sources(sources: list[dict[str, Any]], one: Plan) -> list[dict[str, Any]]:
    kept = [{**source, "keys": [key for key in source["keys"] if key not in _OURS]} for source in sources]
    derived = {
        "cite": f"hwsim hardwire {one.model}: chips from weights and die, partition from the graph, 6 stages per layer,"
        " links in proportion to neighbours, power of the array from 0.96 pJ per active weight",
        "status": "derived",
        "keys": list(_OURS),
    }
    if one.embedding != "metal" or one.weight_bits != 4:
        derived["status"] = "assumed"
        derived["cite"] += "; other embeddings and widths as data/embedding.yaml assumes them"
    return [*(source for source in kept if source["keys"]), derived]


def _lists(value: Any) -> Any:
    """Tuples as lists, all the way down, as YAML writes them."""
    if isinstance(value, dict):
        return {key: _lists(one) for key, one in value.items()}
    return [_lists(one) for one in value] if isinstance(value, list | tuple) else value


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tuples(one) for key, one in value.items()}
    return tuple(_tuples(one) for one in value) if isinstance(value, list | tuple) else value


def chip_of(data: dict[str, Any], name: str) -> Chip:
    """The chip that the contents of a file describe."""
    return Chip.model_validate({"name": name, **_tuples(data)})


def chip_text(data: dict[str, Any]) -> str:
    """The file's text; equal data give equal text."""
    import yaml

    return yaml.safe_dump(data, sort_keys=False, width=120, allow_unicode=True, default_flow_style=None)
