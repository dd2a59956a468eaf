"""Ramulator 2.1 to the tick: commands, latencies and counts of recorded cases, and the AiM traces."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwsim.dram import compiled
from hwsim.dram import reference as plain
from hwsim.dram.aim import aim_lines, parse_instruction, play_aim
from hwsim.dram.device import Device, load_device
from hwsim.dram.patterns import from_lines, lines_of, pattern, pseudo_random
from hwsim.dram.policy import Policy, RefreshPolicy, ramulator2
from hwsim.dram.requests import Requests, digest, trace_lines

LONG = "stream_il"
REFRESH: dict[str, RefreshPolicy] = {"NoRefresh": "none", "AllBank": "all_bank", "PerBank": "per_bank"}
CONVENTIONAL = {"one_WR_SBK_0", "one_RD_SBK_0", "rw_conv_64"}
"""Cases in which the reference ends before an access that it has begun; ours completes it."""


def part(values: Any, shift: int, size: int) -> Any:
    return ((values >> np.uint64(shift)) % np.uint64(size)).astype(np.int64)


def requests_of(device: Device, case: str, small: dict[str, list[list[Any]]]) -> Requests:
    key = f"{device.name.upper()}.{case}"
    if key in small:
        time, kind, line = (list(column) for column in zip(*small[key], strict=True))
        return from_lines(device, np.array(line), write=np.array(kind) == "W", time=np.array(time))
    if case in ("stream_seq_rd", "act_storm"):
        return pattern("stream", device, 16384) if case != "act_storm" else pattern("act-storm", device, 4096)
    if (case.startswith("rand_") and case != "rand_hot") or case == "sparse_rd":
        sparse = case == "sparse_rd"
        values = pseudo_random(999 if sparse else 12345, 1500 if sparse else 16384)
        line = part(values, 20, device.banks * device.rows * device.columns)
        return from_lines(
            device, line, write=part(values, 63, 2) if case == "rand_mix" else 0,
            time=97 * np.arange(1500) if sparse else 0,
        )  # fmt: skip
    if case == "rand_hot":
        values = pseudo_random(777, 16384)
        line = lines_of(device, part(values, 20, device.banks), part(values, 40, 4), part(values, 30, device.columns))
        return from_lines(device, line, write=part(values, 60, 4) == 0)
    if case.startswith("pingpong"):
        i = np.arange(256 if case.endswith("serial") else 2048)
        line = lines_of(device, i * 0, i % 2, i // 2 % device.columns)
        return from_lines(device, line, time=-1 if case.endswith("serial") else 0)
    mix = case.endswith("mix")
    i = np.arange(24576 if mix else 65536)
    write = (i % 3 == 2).astype(np.int64) if mix else np.full(len(i), int(case.endswith("wr")))
    row = i // (device.banks * device.columns) + (512 * write if mix else 0)
    return from_lines(device, lines_of(device, i % device.banks, row, i // device.banks % device.columns), write=write)


def policy_of(row: dict[str, Any]) -> Policy:
    closed = row["row_policy"].removeprefix("ClosedCAP")
    scheduler = "first_ready_row_hit" if row["sched"] == "FRFCFSRowHit" else "first_ready"
    cap = int(closed) if closed.isdigit() else 4
    return ramulator2(scheduler, REFRESH[row["refresh"]], "closed_cap" if closed.isdigit() else "open", cap)


def golden(reference: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    folder = reference / "dram_golden"
    rows = [json.loads(line) for line in (folder / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    return rows, json.loads((folder / "requests_small.json").read_text(encoding="utf-8"))


def check(row: dict[str, Any], engine: Any, small: dict[str, Any]) -> None:
    device = load_device(row["std"].lower())
    requests = requests_of(device, row["case"], small)
    outcome = engine.play(device, policy_of(row), requests)
    assert digest(trace_lines(device, outcome.commands)) == row["cmd_sha256"], row["key"]
    pairs = zip(outcome.arrive.tolist(), outcome.depart.tolist(), strict=True)
    assert digest([f"{arrive} {depart}" for arrive, depart in pairs]) == row["lat_sha256"], row["key"]
    assert (outcome.hits, outcome.misses, outcome.conflicts) == (
        row["row_hits"], row["row_misses"], row["row_conflicts"]
    )  # fmt: skip
    assert (outcome.forwarded, outcome.merged) == (row["reads_forwarded"], row["writes_coalesced"])
    assert outcome.stalled == row["deadlock"]
    if not row["deadlock"]:
        assert outcome.cycles == row["cycles"]


@pytest.mark.parametrize("standard", ["GDDR6", "HBM2", "DDR5"])
def test_the_compiled_engine_reproduces_every_case_to_the_tick(standard: str, reference: Path) -> None:
    rows, small = golden(reference)
    chosen = [row for row in rows if row["std"] == standard]
    assert len(chosen) >= 34
    for row in chosen:
        if not row["case"].startswith(LONG) or row["refresh"] != "NoRefresh":
            check(row, compiled, small)


def test_the_plain_engine_reproduces_short_cases_to_the_tick(reference: Path) -> None:
    rows, small = golden(reference)
    short = [row for row in rows if row["case"] in ("lat_spaced", "lat_serial", "pairs", "pingpong_serial")]
    assert len(short) >= 12
    for row in short:
        check(row, plain, small)


def test_aim_traces_are_reproduced_to_the_clock(reference: Path) -> None:
    folder = reference / "dram_golden" / "aim"
    with gzip.open(folder / "traces.txt.gz", "rt", encoding="utf-8") as file:
        blocks = dict(block.split("\n", 1) for block in file.read().split("# ")[1:])
    seen = 0
    for row in json.loads((folder / "results.json").read_text(encoding="utf-8")):
        text = blocks.get(row["case"])
        if text is None or row["case"] in CONVENTIONAL or row["isr_lines"] > 1000:
            continue
        run = play_aim([parse_instruction(line) for line in text.splitlines()], faithful=True)
        assert run.cycles == row["memory_system_cycles"], row["case"]
        lines = aim_lines(run.logs[0])
        assert len(lines) == row["ch0_n"]
        if lines:
            assert digest(lines) == row["ch0_cmd_sha256"], row["case"]
        seen += 1
    assert seen >= 20
