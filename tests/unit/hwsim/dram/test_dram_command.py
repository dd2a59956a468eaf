from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from hwsim.dram.command import dram
from hwsim.dram.device import load_device
from hwsim.dram.mapping import MAPPINGS, decode
from hwsim.dram.patterns import PATTERNS, from_lines
from workloads.errors import UserError


def test_figures_and_commands_are_written(tmp_path: Path) -> None:
    figures, trace = tmp_path / "figures.json", tmp_path / "commands.txt"
    arguments = ["hbm2", "--requests", "4000", "--json", str(figures), "--dump-commands", str(trace)]
    result = CliRunner().invoke(dram, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "bandwidth" in result.output and "pJ/bit" in result.output
    data = json.loads(figures.read_text(encoding="utf-8"))
    lines = trace.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# clock,command,pseudochannel,bankgroup,bank,row,column"
    assert len(lines) - 1 == sum(data["commands"].values())
    assert data["commands"]["RD"] == 4000
    causes = {key: value for key, value in data["energy_joules"].items() if key != "total"}
    assert sum(causes.values()) == pytest.approx(data["energy_joules"]["total"])
    # Two pseudo channels of 16 GB/s each.
    assert 0.85 * 32e9 < data["bytes_per_second"] < 32e9


@pytest.mark.parametrize("name", PATTERNS)
def test_every_named_pattern_is_played(name: str) -> None:
    result = CliRunner().invoke(dram, ["gddr6", "--pattern", name, "--requests", "200"], catch_exceptions=False)
    assert result.exit_code == 0


def test_a_file_of_requests_is_played(tmp_path: Path) -> None:
    file = tmp_path / "requests.txt"
    file.write_text("# one row, read after write\n0 W 5\n0 R 5\n100 R 6\n", encoding="utf-8")
    result = CliRunner().invoke(dram, ["ddr5", "--pattern", str(file)], catch_exceptions=False)
    assert "3 requests" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hbm2", "--scheduler", "hit_frist"], "scheduler: 'hit_frist' is unknown; did you mean"),
        (["hbm2", "--pattern", "streem"], "neither a file nor one of"),
        (["hbm2", "--mapping", "Column Bank Row"], "no address bits are left for PseudoChannel"),
        (["ddr3"], "no command-level description"),
        (["gddr6_aim"], "it has no command PREpb, PREab"),
        (["ddr5", "--refresh", "per_bank"], "no refresh by REFpb"),
    ],
)
def test_bad_input_names_the_key(arguments: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        CliRunner().invoke(dram, [*arguments, "--requests", "4"], catch_exceptions=False)


def test_a_request_that_can_not_be_read_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "requests.txt"
    file.write_text("0 R 1\n0 X 2\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"requests\.txt:2: expected tick"):
        CliRunner().invoke(dram, ["hbm2", "--pattern", str(file)], catch_exceptions=False)


@pytest.mark.parametrize("mapping", [*MAPPINGS, "Column:2 BankGroup Bank^Row Column PseudoChannel Row"])
def test_every_place_of_a_small_memory_is_used_once(mapping: str) -> None:
    device = load_device("hbm2")
    count = device.banks * device.columns * 4
    bank, row, column = decode(np.arange(count), device, mapping)
    assert len(set(zip(bank.tolist(), row.tolist(), column.tolist(), strict=True))) == count
    assert bank.max() < device.banks and column.max() < device.columns
    assert len(from_lines(device, np.arange(8), mapping=mapping)) == 8


def test_a_compilation_is_announced_once_and_what_is_compiled_already_is_not() -> None:
    from numba import njit

    from hwsim.dram._kernels.jit import announcing

    told: list[str] = []
    first, second = njit(lambda number: number + 1), njit(lambda number: number + 2)
    with announcing(lambda: told.append("compiling")):
        assert (first(1), second(1)) == (2, 3)
    assert told == ["compiling"]
    with announcing(lambda: told.append("again")):
        first(1)
    assert told == ["compiling"]
