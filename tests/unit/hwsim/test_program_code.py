"""The compiled player of loop programs has the times of the plain one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.config import load_chip
from hwsim.machine import make_machine
from hwsim.program import Mark, Node, Repeat, Run, Size, run
from hwsim.program_code import encode, times_of
from hwsim.simulation import simulate
from hwsim.totals import totals
from mapper.graph import map_graph
from tests.unit.hwsim.test_program import SIZE, nodes, tasks
from workloads.model import bind_model
from workloads.user import open_model


@settings(max_examples=300, deadline=None)
@given(st.lists(nodes(), min_size=1, max_size=4).map(tuple).filter(lambda program: tasks(program) < 3000))
def test_makespan_and_times_of_operators_are_those_of_the_plain_player(program: tuple[Node, ...]) -> None:
    plain = run(program, SIZE)
    assert times_of(program, SIZE) == (plain.horizon, plain.ops)


def test_a_program_too_long_for_64_bits_is_played_without_compiled_code() -> None:
    program = (Repeat(1 << 40, (Run(0, 1 << 30, (), 0),)), Mark(0))
    assert encode(program) is None
    assert times_of(program, Size(1, 1, 1, 1)) == (1 << 70, [1 << 70])


def test_totals_are_those_of_the_report_to_the_last_bit() -> None:
    for chip_name, model in (("tpu_v4i", "mobilenet-v2"), ("eyeriss", "alexnet"), ("gemmini", "vit-b16")):
        chip = load_chip(chip_name)
        machine, graph = make_machine(chip), bind_model(open_model(model))
        schedule = map_graph(graph, chip, "coarse")
        report, found = simulate(graph, schedule, chip, machine), totals(graph, schedule, machine)
        assert (found.seconds, found.energy_joules, found.work) == (report.seconds, report.energy_joules, report.work)
