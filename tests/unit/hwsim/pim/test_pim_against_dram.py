"""Layouts on GDDR6-AiM, command by command, against the engine of the DRAM itself."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hwsim.config import load_chip
from hwsim.dram.aim import parse_instruction, play_aim
from hwsim.pim.commands import Channel, commands_of
from hwsim.pim.layout import Layout, Product, best_layout
from hwsim.pim.timing import Command, PimTiming
from hwsim.units._dram_mac_spec import DramMacSpec, geometry_of

SPEC = load_chip("gddr6_aim").units["pim"]
assert isinstance(SPEC, DramMacSpec)
SHAPE, TIMING = geometry_of(SPEC), SPEC.timing
NAMES = {"WR_GB": "WRGB", "WR_BIAS": "WRMAC16", "RD_MAC": "RDMAC16", "MAC": "MAC16", "ACT": "ACT16"}
MASK = "0x80000000"


def instructions(layout: Layout) -> list[str]:
    """The same stream as instructions: rows are opened by naming them."""
    found: list[str] = []
    row = -1
    for command, _ in commands_of(layout.program):
        row += command == "ACT"
        text = {"MAC": f"MAC_ABK 1 {MASK} {row}", "WR_GB": f"WR_GB 1 0 {MASK}"}.get(command, f"{command} 0 {MASK}")
        if command not in ("ACT", "PRE"):
            found.append(f"AiM {text}")
    return found


def clocks(layout: Layout, timing: PimTiming) -> list[tuple[int, str]]:
    """Clock and name of every command of the stream; the first row needs no PRE."""
    channel = Channel(timing)
    played: list[tuple[int, str]] = []
    commands: list[Command] = [command for command, _ in commands_of(layout.program)]
    first = commands.index("PRE")
    for command in commands[:first] + commands[first + 1 :]:
        before = channel.register
        cycle = channel.issue(command)
        if channel.register != before:
            played.append((channel.last["MODE", 0], "TMOD"))
        played.append((cycle, NAMES.get(command, "PREA")))
    return played


@settings(deadline=None, max_examples=12)
@given(
    product=st.builds(Product, st.integers(1, 40), st.integers(1, 2000), st.integers(1, 2100), st.integers(1, 2)),
)
def test_every_command_of_a_layout_issues_when_the_dram_engine_issues_it(product: Product) -> None:
    layout = best_layout(product, SHAPE, TIMING)
    text = instructions(layout)
    assume(len(text) < 3000)
    log = play_aim([parse_instruction(line) for line in text], faithful=True).logs[0]
    reference = [(clock - log[0][0], name) for clock, name, *_ in log]
    ours = clocks(layout, TIMING)
    assert [name for _, name in ours] == [name for _, name in reference]
    assert [clock - ours[0][0] for clock, _ in ours] == [clock for clock, _ in reference]
