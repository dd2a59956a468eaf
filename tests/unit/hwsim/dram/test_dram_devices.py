from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from hwsim.dram.device import Constraint, Device, load_device, resolve
from hwsim.dram.state import ChannelState
from hwsim.dram.timing import load_standard, standard_names
from workloads.errors import UserError

DEVICES = tuple(name for name in standard_names() if load_standard(name).device is not None)
GOLDEN = ("GDDR6", "HBM2", "HBM3", "DDR5", "LPDDR5")


def neighbour(device: Device, rule: Constraint) -> int:
    """A bank that a rule binds when bank 0 issues: bank 0 itself, or one below a sibling of its node."""
    return device.spans[rule.level] if rule.sibling else 0


@pytest.mark.parametrize("name", DEVICES)
def test_a_command_is_ready_exactly_when_each_constraint_allows_it(name: str) -> None:
    device = load_device(name)
    for rule in device.constraints + device.corrections:
        if rule.sibling and device.counts[rule.level] == 1:
            continue
        state = ChannelState(replace(device, constraints=(rule,), corrections=()), corrected=False)
        bank = neighbour(device, rule)
        for clock in range(1000, 1000 + rule.window):
            assert state.ready_at(rule.following, bank) == 0
            state.issue(rule.preceding, 0, 1, clock)
        allowed = 1000 + rule.latency if not rule.sibling else 999 + rule.window + rule.latency
        assert state.ready_at(rule.following, bank) == max(allowed, 0)


@pytest.mark.parametrize("name", DEVICES)
def test_a_constraint_of_one_node_does_not_bind_another(name: str) -> None:
    device = load_device(name)
    for rule in device.constraints:
        wide = device.commands[rule.preceding].scope < rule.level
        if rule.level == 0 or rule.sibling or wide or device.commands[rule.following].scope < rule.level:
            continue
        state = ChannelState(replace(device, constraints=(rule,), corrections=()), corrected=False)
        for clock in range(1000, 1000 + rule.window):
            state.issue(rule.preceding, 0, 1, clock)
        if device.spans[rule.level] < device.banks:
            assert state.ready_at(rule.following, device.banks - 1) == 0


@pytest.mark.parametrize("golden", GOLDEN)
def test_resolved_constraints_are_those_of_the_reference_simulator(golden: str, reference: Path) -> None:
    config = json.loads((reference / "dram_golden" / "configs" / f"{golden}.json").read_text(encoding="utf-8"))
    device = load_device(golden.lower())
    wanted = Counter(
        (row["level"], before, after, row["latency"], row["window"], row["sibling"])
        for row in config["timing_constraints"]
        for before in row["preceding"]
        for after in row["following"]
    )
    names = [command.name for command in device.commands]
    levels = device.levels
    rules = device.constraints
    found = Counter(
        (levels[r.level], names[r.preceding], names[r.following], r.latency, r.window, r.sibling) for r in rules
    )
    assert found == wanted
    assert device.read_latency == config["read_latency"]
    assert device.columns == config["columns_per_row_requests"]


def test_resolved_aim_constraints_are_those_of_the_reference_simulator(reference: Path) -> None:
    config = json.loads((reference / "dram_golden" / "aim" / "config.json").read_text(encoding="utf-8"))
    device = load_device("gddr6_aim", reference=True)
    names, levels = [command.name for command in device.commands], {"channel": 0, "bankgroup": 1, "bank": 2}
    found = Counter((r.level, names[r.preceding], names[r.following], r.latency) for r in device.constraints)
    changed = {"nRFC", "nRFCpb"}  # the reference reads them by position and has them swapped or undefined
    for row in config["timing_constraints"]:
        for before in row["preceding"]:
            for after in row["following"]:
                if row["expr"] not in changed:
                    assert found[levels[row["level"]], before, after, row["latency"]] > 0, row


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"timing": {"nRAS": 5}}, r"hbm2\.yaml: device\.timing\.nRAS: 5 is less than nRCDRD \(14\)"),
        ({"timing": {"nCCDL": 1}}, r"device\.timing\.nCCDL: 1 is less than nCCDS"),
        ({"read_latency": "nCL + nBLL"}, r"device\.read_latency: .*nBLL"),
        ({"constraints": (("Bank", "ACT", "RDX", "nRAS"),)}, r"device\.constraints\.0: no command is named 'RDX'"),
        ({"constraints": (("Bunk", "ACT", "RD", "nRAS"),)}, r"device\.constraints\.0: no level is named 'Bunk'"),
        ({"constraints": (("Bank", "ACT", "RD"),)}, r"device\.constraints\.0: expected \[level"),
    ],
)
def test_a_device_that_contradicts_itself_is_refused_by_key(changes: dict[str, object], message: str) -> None:
    standard = load_standard("hbm2")
    assert standard.device is not None
    if isinstance(changes.get("timing"), dict):
        changes = {"timing": standard.device.timing | changes["timing"]}  # type: ignore[operator]
    broken = standard.model_copy(update={"device": standard.device.model_copy(update=changes)})
    with pytest.raises(UserError, match=message):
        resolve("hbm2", broken)


@pytest.mark.parametrize("name", [name for name in DEVICES if name != "gddr6_aim"])
def test_the_closed_form_clocks_are_those_of_the_device(name: str) -> None:
    standard, device = load_standard(name), load_device(name)
    times, ticks = dict(device.timing), device.tick and round(standard.clock / device.tick)
    for key, names in {"rp": ["nRP"], "ras": ["nRAS"], "rc": ["nRC"], "faw": ["nFAW"], "refi": ["nREFI"]}.items():
        assert getattr(standard.clocks, key) * ticks == times[names[0]]
    assert standard.burst == device.access_bytes
    assert standard.row == device.columns * device.access_bytes
