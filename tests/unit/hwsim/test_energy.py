from __future__ import annotations

import pytest

from hwsim.chip import Chip, Link
from hwsim.config import chip_names, load_chip
from hwsim.energy import energy_warnings, silent_links
from hwsim.units.base import Action
from mapper.estimate import estimate

MODELS = (
    "matmul:m=64,n=64,k=64",
    "conv2d:n=1,c=16,h=14,w=14,k=16,r=3,s=3",
    "layernorm:rows=64,columns=64",
    "gelu:elements=512",
)
FREE = ("scalesim_is", "scalesim_os", "scalesim_ws")
"""Chips that state that their memories cost nothing."""
BY_BOARD = ("edge_moe_zcu102", "flightllm_u280", "flightllm_vhk158", "intar_u280", "intar_vpk180", "sat_vcu1525")
"""Boards whose stated power, a row of seconds in every report, contains their memory, so that its bits cost no more."""


@pytest.mark.parametrize("name", chip_names())
def test_no_action_of_a_shipped_chip_is_silently_free(name: str) -> None:
    chip = load_chip(name)
    for model in MODELS:
        report = estimate(model, chip)
        told = "\n".join(line for line in report.warnings if "energy" in line)
        free = [row for row in report.energy if row.count and not row.energy_joules]
        assert all(f"{row.component} ({row.action})" in told for row in free)
        assert name not in BY_BOARD or any(row.action == "second" and row.energy_joules for row in report.energy)
        assert name in FREE + BY_BOARD or {row.action for row in free} <= {"network bit"}
        assert bool(free) == bool(told)


def test_what_is_unknown_and_what_is_stated_as_free_are_told_apart() -> None:
    chip = load_chip("tpu_v1")
    actions = [Action("wire", "bit", 3, None), Action("pad", "read bit", 1, 0.0), Action("idle", "bit", 0, None)]
    assert energy_warnings(chip, actions) == (
        "no energy data for wire (bit): counted as zero",
        "the chip file states no energy at all for pad (read bit)",
    )


def changed(chip: Chip, **changes: object) -> Chip:
    return chip.model_copy(update=changes)


def test_a_link_between_chip_memories_without_energy_is_told_and_one_to_dram_is_not() -> None:
    chip = load_chip("simba_like")
    wires = {
        "inside": Link.model_validate({"between": ("global_buffer", "weight_buffer"), "bandwidth": "1 GB/s"}),
        "outside": Link.model_validate({"between": ("dram", "global_buffer"), "bandwidth": "1 GB/s"}),
        "known": Link.model_validate(
            {"between": ("global_buffer", "input_buffer"), "bandwidth": "1 GB/s", "energy": "1 pJ/bit"}
        ),
    }
    assert silent_links(changed(chip, links=wires)) == ("inside",)
    assert "no energy data for link inside: counted as zero" in energy_warnings(changed(chip, links=wires), ())


def test_unknown_static_power_is_told_and_leakage_or_idle_power_are_enough() -> None:
    leaking = load_chip("gemmini")
    assert energy_warnings(leaking, ()) == ()
    dead = changed(leaking, memories={n: m for n, m in leaking.memories.items() if m.kind == "dram"})
    (line,) = energy_warnings(dead, ())
    assert line.startswith("static power is unknown")
    idle = changed(dead, package=dead.package.model_copy(update={"idle_power": 0.0}))
    assert energy_warnings(idle, ()) == ()


def test_short_runs_open_more_rows_and_cost_their_energy() -> None:
    """Columns of a matrix that is cut along its rows: runs of a few bytes."""
    chip = load_chip("tpu_v1", ["memories.unified_buffer.size=64 KiB", "memories.ddr3.timing.interleave=64 B"])
    report = estimate("matmul:m=2048,n=2048,k=2048", chip)
    rows = [row for row in report.energy if row.action == "extra activation"]
    assert rows and all(row.energy_joules == pytest.approx(row.count * 10.57374e-9) for row in rows)
    stated = load_chip("tpu_v1", ["memories.ddr3.timing=null"])
    assert not [row for row in estimate("matmul:m=64,n=64,k=64", stated).energy if row.action == "extra activation"]
