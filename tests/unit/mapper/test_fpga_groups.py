"""Groups of operators on FPGA engines: the cuts against all cuts, the styles, what may not be joined."""

from __future__ import annotations

import pytest

from hwsim.chip import Chip
from hwsim.config import load_chip
from hwsim.machine import make_machine
from hwsim.report import Report
from hwsim.units.base import KernelUnit
from mapper.estimate import estimate
from mapper.fpga.groups import all_cuts, best_cut, grouped, readers_of, seconds_of
from workloads.catalog import load
from workloads.graph import OperatorGraph, graph_macs

BITS = {"weight": 4, "activation": 8, "input": 8, "output": 8, "state": 8}
STYLES = ("sequential", "dataflow", "reconfigurable")


def chip_of(style: str, *changes: str) -> Chip:
    return load_chip("intar_u280", [f"units.core.style={style}", *changes])


def prompt(context: int = 64) -> OperatorGraph:
    return load("gpt2-medium", "prefill", context=context, bits=BITS)


def report(style: str, context: int = 64, *changes: str) -> Report:
    return estimate("gpt2-medium", chip_of(style, *changes), phase="prefill", context=context, bits=BITS)


@pytest.mark.parametrize("span", [(0, 5), (4, 10), (8, 12)])
@pytest.mark.parametrize("engines", [2, 6])
def test_no_cut_is_faster_than_the_one_chosen(span: tuple[int, int], engines: int) -> None:
    graph = prompt()
    unit = make_machine(chip_of("reconfigurable", f"units.core.engines={engines}")).units["core"]
    assert isinstance(unit, KernelUnit)
    ops, readers = graph.segments[1].ops[slice(*span)], readers_of(graph)
    costs = [
        sum(seconds_of(op, graph.by_name, unit) for op in cut) for cut in all_cuts(ops, graph.by_name, unit, readers)
    ]
    chosen = best_cut(ops, graph.by_name, unit, readers)
    assert sum(seconds_of(op, graph.by_name, unit) for op in chosen) == pytest.approx(min(costs), rel=1e-12)
    assert len(costs) > 1
    fewest = best_cut(ops, graph.by_name, unit, readers, fewest=True)
    assert len(fewest) == min(len(cut) for cut in all_cuts(ops, graph.by_name, unit, readers))


def test_reconfiguring_is_at_least_as_fast_as_either_fixed_style() -> None:
    found = {style: report(style).seconds for style in STYLES}
    assert found["reconfigurable"] <= min(found.values())
    assert found["reconfigurable"] < 0.9 * found["sequential"]


def test_groups_do_the_same_work_and_no_more_traffic() -> None:
    graph = prompt()
    joined = grouped(graph, make_machine(chip_of("dataflow")))
    assert graph_macs(joined) == graph_macs(graph)
    assert grouped(joined, make_machine(chip_of("dataflow"))) == joined
    moved = [sum(row.read_bytes + row.write_bytes for row in report(style).traffic) for style in STYLES]
    assert moved[1] <= moved[0] and moved[2] <= moved[0]


def test_a_group_says_its_engines_and_fifos_and_stays_above_the_bounds() -> None:
    found = report("reconfigurable", 1024)
    assert any("side by side, engines: scores" in row.mapping and "FIFOs" in row.mapping for row in found.ops)
    assert found.seconds >= found.bounds.seconds


def test_an_intermediate_that_would_be_spilled_is_piped_instead() -> None:
    small = "units.core.buffer_share=0.02"
    one, piped = report("sequential", 256, small), report("dataflow", 256, small)
    moved = [sum(row.read_bytes + row.write_bytes for row in found.traffic) for found in (one, piped)]
    assert moved[1] < 0.9 * moved[0]


def test_attention_waits_for_the_whole_cache() -> None:
    joined = grouped(prompt(), make_machine(chip_of("dataflow")))
    for _, op in joined.walk():
        kinds = [part.kind for part in op.parts]
        assert not ("kv_append" in kinds and "softmax" in kinds)
