from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.dram.aim import Instruction, parse_instruction, play_aim
from hwsim.dram.aim_closed import gemv_clocks, mac_rows_clocks
from hwsim.dram.device import load_device
from workloads.errors import UserError

ONE = frozenset({0})


def gemv(tiles: int, columns: int = 64) -> list[Instruction]:
    """Tiles of 16 outputs with a bias each, after one write of the global buffer."""
    program = [Instruction("WR_GB", ONE, columns)]
    for row in range(tiles):
        program += [Instruction("WR_BIAS", ONE), Instruction("MAC_ABK", ONE, columns, row=row)]
        program.append(Instruction("RD_MAC", ONE))
    return [*program, Instruction("EOC")]


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 20), st.integers(1, 64))
def test_the_closed_form_of_a_matrix_vector_product_equals_the_commands(tiles: int, columns: int) -> None:
    device = load_device("gddr6_aim", reference=True)
    assert gemv_clocks(device, tiles, columns) == play_aim(gemv(tiles, columns), faithful=True).cycles


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 20), st.integers(1, 64))
def test_the_closed_form_of_a_stream_of_rows_equals_the_commands(rows: int, columns: int) -> None:
    device = load_device("gddr6_aim", reference=True)
    program = [Instruction("MAC_ABK", ONE, columns, row=row) for row in range(rows)]
    played = play_aim([*program, Instruction("EOC")], faithful=True).cycles
    assert mac_rows_clocks(device, rows, columns) == played


def test_published_counts_of_clocks() -> None:
    device = load_device("gddr6_aim", reference=True)
    assert mac_rows_clocks(device, 3, 64) - mac_rows_clocks(device, 2, 64) == 226
    assert gemv_clocks(device, 5, 64) - gemv_clocks(device, 4, 64) == 286
    assert gemv_clocks(device, 64, 64) == 162 + 254 + 286 * 62 + 284


def test_the_own_policy_refreshes_and_keeps_the_distance() -> None:
    device = load_device("gddr6_aim")
    run = play_aim(gemv(30))
    refreshes = [clock for clock, name, *_ in run.logs[0] if name == "REFab"]
    interval = device.refresh.all_bank
    assert interval is not None
    assert len(refreshes) == run.cycles // interval > 0
    for clock in refreshes:
        following = next(entry for entry in run.logs[0] if entry[0] > clock)
        assert following[0] >= clock + device.time("nRFC") or following[1] in ("TMOD", "WRGB", "WRMAC16", "RDMAC16")


def test_an_access_to_a_single_bank_is_completed_before_the_end() -> None:
    run = play_aim([parse_instruction("AiM WR_SBK 0 0x80000000 3 7"), Instruction("EOC")])
    assert [name for _, name, *_ in run.logs[0]] == ["ACT", "WR"]
    assert run.cycles > run.logs[0][-1][0]


@pytest.mark.parametrize(
    ("text", "message"),
    [("AiM MAC_AKB 64 1 0", "did you mean"), ("AiM MAC_ABK 64", "expected the fields size mask row")],
)
def test_an_instruction_that_can_not_be_read_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_instruction(text)
