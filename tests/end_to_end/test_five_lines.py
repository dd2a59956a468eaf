"""The program in five lines, as the README shows it."""

from __future__ import annotations

import hwsim
import mapper
import workloads


def test_the_five_lines_of_the_readme_give_a_bounded_result() -> None:
    graph = workloads.load(
        "llama-3-8b", phase="decode", batch=1, context=2048, bits={"weight": 8, "activation": 8, "state": 8}
    )
    chip = hwsim.load_chip("tpu_v4i")
    schedule = mapper.map_graph(graph, chip)
    report = hwsim.simulate(graph, schedule, chip)
    assert report.bounds.seconds < report.seconds < 10 * report.bounds.seconds
