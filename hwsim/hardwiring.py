"""A system of hardwired chips for a model: how many chips in what grid, and how each matrix is cut over them.

A template (the shipped hnlpu) says what a chip has beside its array, how large a weight is and how chips are linked. A
model's graph says how many weights there are, and which operators end in which collectives.

Source of the partition: HNLPU (arXiv 2508.16151v2), appendix A, for attention and experts: the input of a product is
spread over the rows of the grid, its result over the columns, the cache by token over the chips of a column. A
feed-forward network without experts is cut along its inner width over all chips, as an expert's result is summed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from hwsim.bounds import leaves
from hwsim.chip import Chip
from hwsim.manufacturing import NoPriceError
from hwsim.units._embedding import Embedding, joules_per_active_weight, variant
from hwsim.units.hardwired import BlockSpec, HardwiredSpec
from workloads.graph import Op, OperatorGraph, Role, macs
from workloads.partition import Cut, cuts, same_input

STAGES_PER_LAYER = 6
"""Pipeline stages of a layer (HNLPU, section 5.2); so many tokens of each layer are in flight."""
MOST_CHIPS = 4096
_ROUNDING = 1e-9
"""Spare area, so that a file with rounded areas still holds every weight."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A system of hardwired chips.

    Attributes:
        model: name of the network.
        weights, active_weights: in the system, and those that one token passes.
        weight_bits, embedding: how they are held.
        rows, columns: of the grid of chips.
        layers: of the network.
        array, interconnect: square metres per chip.
        die: square metres.
    """

    model: str
    weights: int
    active_weights: int
    weight_bits: int
    embedding: Embedding
    rows: int
    columns: int
    layers: int
    array: float
    interconnect: float
    die: float

    @property
    def chips(self) -> int:
        """Chips in the grid."""
        return self.rows * self.columns

    @property
    def in_flight(self) -> int:
        """Tokens that fill the pipeline."""
        return STAGES_PER_LAYER * self.layers


def active_weights(graph: OperatorGraph) -> int:
    """Weights of matrices that one token passes, in a graph bound to one sequence and decode."""
    return sum(
        segment.count * macs(leaf)
        for segment, op in graph.walk()
        for leaf in leaves(op)
        if any(_is_matrix(access.tensor, graph, op) for access in leaf.reads)
    )


def _is_matrix(name: str, graph: OperatorGraph, op: Op) -> bool:
    tensor = graph.by_name.get(name)
    return tensor is not None and tensor.role is Role.WEIGHT and len(tensor.shape) > 1 and op.kind != "embedding"


def grid_of(chips: int) -> tuple[int, int]:
    """Rows and columns of the smallest grid of at least so many chips with at most three times as many columns as rows;
    of equally small ones the squarest.
    """
    found = [(rows, -(-chips // rows)) for rows in range(1, math.isqrt(chips) + 1)]
    fitting = [(rows, columns) for rows, columns in found if columns <= 3 * rows]
    return min(fitting or found, key=lambda grid: (grid[0] * grid[1], grid[1] - grid[0]))


def plan(graph: OperatorGraph, template: Chip, die: float, embedding: Embedding, weight_bits: int) -> Plan:
    """The smallest system that holds a model.

    Args:
        graph: bound to one sequence and decode.
        template: a chip with a unit ``grid`` of kind hardwired.
        die: square metres that a die may have.
        embedding: how weights are held.
        weight_bits: of a weight; its area is taken to grow in proportion.

    Raises:
        NoPriceError: what a chip has beside its array leaves no room on the die.
    """
    spec = grid_spec(template)
    weight_area = spec.weight_area * variant(embedding).density * weight_bits / spec.weight_bits
    other = _other_area(template, spec)
    if die <= other:
        raise NoPriceError(
            f"a die of {die * 1e6:.4g} mm2 has no room for weights beside the {other * 1e6:.4g} mm2 of the other blocks"
        )
    for wanted in count(1):
        rows, columns = grid_of(wanted)
        links = _links_area(spec, rows, columns)
        room = rows * columns * (die - other - links)
        if room >= graph.parameters * weight_area:
            break
        if wanted > MOST_CHIPS:
            raise NoPriceError(f"{graph.model} does not fit on {MOST_CHIPS} dies of {die * 1e6:.4g} mm2")
    else:
        raise AssertionError("count does not end")
    array = graph.parameters * weight_area / (rows * columns) * (1 + _ROUNDING)
    layers = int(dict(graph.facts).get("layers", sum(segment.count for segment in graph.segments)))
    return Plan(
        graph.model, graph.parameters, active_weights(graph), weight_bits, embedding, rows, columns, layers,
        array, links, other + links + array,
    )  # fmt: skip


def grid_spec(chip: Chip) -> HardwiredSpec:
    """The specification of the hardwired unit of a chip."""
    return next(spec for spec in chip.units.values() if isinstance(spec, HardwiredSpec))


def _other_area(chip: Chip, spec: HardwiredSpec) -> float:
    """Square metres of one chip beside its array and its links: blocks, and memories that state their area."""
    chips = spec.grid.rows * spec.grid.columns
    blocks = sum(block.area or 0.0 for name, block in spec.blocks.items() if name not in ("array", "interconnect"))
    return blocks + sum(memory.area or 0.0 for memory in chip.memories.values()) / chips


def _links_area(spec: HardwiredSpec, rows: int, columns: int) -> float:
    """Square metres of the links of a chip: in proportion to how many chips it is connected to."""
    return (
        (spec.blocks["interconnect"].area or 0.0)
        * links_of(rows, columns)
        / links_of(spec.grid.rows, spec.grid.columns)
    )


def links_of(rows: int, columns: int) -> int:
    """Other chips in the row and in the column of a chip."""
    return rows + columns - 2


def rules(graph: OperatorGraph, rows: int, columns: int) -> tuple[Mapping[str, Any], ...]:
    """How each operator is cut over a grid, as the ``partition`` of a chip file."""
    found = cuts(graph)
    products = {name for name, cut in found.items() if cut in (Cut.QUERY, Cut.CACHE, Cut.WHOLE)}
    beside = {*same_input(graph, products), *same_input(graph, (n for n, cut in found.items() if cut is Cut.UP))}
    lines: dict[str, Mapping[str, Any]] = {}
    for name, cut in found.items():
        steps = _STEPS[cut](rows, columns)
        aside = name in beside or cut is Cut.ROUTER
        if steps or aside:
            rule: dict[str, Any] = {"ops": _pattern(name)}
            rule |= {"matrices": 2} if cut is Cut.EXPERTS else {}
            rule |= {"beside": True} if aside else {}
            lines.setdefault(rule["ops"], rule | ({"steps": steps} if steps else {}))
    return tuple(lines.values())


def _pattern(name: str) -> str:
    """The part of a name behind the number of its layer, whatever the layer."""
    parts = name.split(".")
    numbers = [place for place, part in enumerate(parts) if part.isdigit()]
    return name if not numbers or numbers[-1] == len(parts) - 1 else "*." + ".".join(parts[numbers[-1] + 1 :])


def _step(collective: str, over: str, parts: int = 1, of: str = "results") -> Mapping[str, Any]:
    step: dict[str, Any] = {"collective": collective, "over": over}
    return step | ({"of": of} if of != "results" else {}) | ({"parts": parts} if parts > 1 else {})


_EVERYWHERE = (_step("all_reduce", "row"), _step("all_reduce", "column"))
_STEPS: Mapping[Cut, Callable[[int, int], tuple[Mapping[str, Any], ...]]] = {
    Cut.QUERY: lambda rows, columns: (_step("all_reduce", "column", columns),),
    Cut.CACHE: lambda rows, columns: (_step("reduce", "column", columns),),
    Cut.ATTENTION: lambda rows, columns: (
        _step("all_reduce", "column", columns, "statistics"),
        _step("all_reduce", "column", columns),
    ),
    Cut.OUTPUT: lambda rows, columns: (_step("all_reduce", "row", rows), _step("all_gather", "column")),
    Cut.UP: lambda rows, columns: (),
    Cut.DOWN: lambda rows, columns: _EVERYWHERE,
    Cut.ROUTER: lambda rows, columns: (),
    Cut.EXPERTS: lambda rows, columns: _EVERYWHERE,
    Cut.EMBEDDING: lambda rows, columns: (),
    Cut.HEAD: lambda rows, columns: (),
    Cut.WHOLE: lambda rows, columns: (_step("all_reduce", "column", columns), _step("all_gather", "row")),
}


def array_power(one: Plan, tokens_per_second: float) -> float:
    """Watts of a chip's array: every token passes its active weights; denser embeddings take less in proportion."""
    joules = joules_per_active_weight() * variant(one.embedding).density * one.weight_bits / 4
    return joules * one.active_weights * tokens_per_second / one.chips


def chip_power(blocks: Mapping[str, BlockSpec]) -> float:
    """Watts of all blocks of a chip."""
    return sum(block.power for block in blocks.values())
