"""Processing in DRAM: AiM command streams, the vendor's HBM2-PIM examples, and PIM-GPT's published ranges."""

from __future__ import annotations

from hwsim.chip import Memory
from hwsim.config import load_chip
from hwsim.dram.bandwidth import sustained_bytes_per_second
from hwsim.pim.commands import Do, Loop, Program, advanced, with_refresh
from hwsim.pim.layout import Product, layouts
from hwsim.pim.timing import PimTiming
from hwsim.units._dram_mac_spec import DramMacSpec, geometry_of
from search.validation.case import Case, Found, Group, Request, Status
from search.validation.pim_gpt import MODELS, middle_step

AIM_SOURCE = "arkhadem/aim_simulator, closed forms of its traces"
VENDOR = "SAITPublic/PIMSimulator, its own benchmark (64 channels)"
PAPER = "PIM-GPT, abstract (npj Unconventional Computing 1, 2024)"
GEMV, GEMV_WITHOUT = 13_166, 36_082
ADD, ADD_WITHOUT = 3_349, 6_651
SPEED = {"t4": (41.0, 137.0), "xeon_8480": (631.0, 1074.0)}
ENERGY = {"t4": (123.0, 383.0), "xeon_8480": (320.0, 602.0)}
"""Lowest and highest of eight models; energy as revised (339 to 1,085 and 890 to 1,632 before)."""


def pim_of(chip: str) -> DramMacSpec:
    """The specification of a chip's MAC units."""
    spec = load_chip(chip).units["pim"]
    assert isinstance(spec, DramMacSpec)
    return spec


def _aim(_: Request) -> Found:
    timing = pim_of("gddr6_aim").timing
    row: Program = (Do("PRE"), Do("ACT"), Do("MAC", 64))
    tile: Program = (Do("WR_BIAS"), *row, Do("RD_MAC"))
    lookup: Program = (Do("WR_BIAS"), *row, Do("PRE"), Do("ACT"), Do("AF"), Do("RD_AF"))
    found = [("row of 64 MACs", 226, row), ("GEMV tile", 286, tile), ("tile with activation function", 415, lookup)]
    return Found(tuple(_case(AIM_SOURCE, name, "cycles", want, _period(body, timing)) for name, want, body in found))


def _period(body: Program, timing: PimTiming) -> int:
    """Cycles of one more round in the steady state."""
    return advanced((Loop(100, body),), timing).cycles - advanced((Loop(99, body),), timing).cycles


def gemv_cycles(rows: int, columns: int) -> float:
    """Cycles of a 16-bit GEMV on HBM2-PIM until the sums of all lanes are in the banks, as the vendor counts."""
    spec = pim_of("hbm2_pim")
    one_lane = geometry_of(spec.model_copy(update={"result_lanes": 1}))
    fastest = min(one.played.cycles for one in layouts(Product(1, rows, columns), one_lane, spec.timing))
    return with_refresh(fastest, spec.timing)


def add_cycles(elements: int) -> float:
    """Cycles of adding two vectors of 16-bit elements on HBM2-PIM.

    Eight bursts at a time are read from one vector's row into the registers, added to eight of the other's row and
    written to the result's row, first in the even, then in the odd banks.
    """
    spec = pim_of("hbm2_pim")
    read: Program = (Do("PRE"), Do("ACT"), Do("EWMUL", 8))
    write: Program = (Do("PRE"), Do("ACT"), Do("WR", 8))
    rounds = elements // (spec.channels * spec.units * 8 * spec.lanes)
    return with_refresh(advanced((Loop(rounds, (*read, *read, *write)),), spec.timing).cycles, spec.timing)


def stream_bandwidth() -> float:
    """Bytes per second that 16 pseudo channels of HBM2 deliver to a stream."""
    rate = sustained_bytes_per_second(
        Memory.model_validate(
            {"kind": "dram", "size": "8 GiB", "bandwidth": "256 GB/s", "timing": {"standard": "hbm2", "channels": 16}}
        )
    )
    assert rate is not None
    return rate


def _vendor(_: Request) -> Found:
    rate = 4 * stream_bandwidth() / 1e9
    return Found(
        (
            _case(VENDOR, "GEMV 4096x4096 with PIM", "cycles of 1 ns", GEMV, gemv_cycles(4096, 4096)),
            _case(VENDOR, "GEMV 4096x4096 without", "cycles of 1 ns", GEMV_WITHOUT, 4096 * 4096 * 2 / rate),
            _case(VENDOR, "add 1 M elements with PIM", "cycles of 1 ns", ADD, add_cycles(2**20)),
            _case(VENDOR, "add 1 M elements without", "cycles of 1 ns", ADD_WITHOUT, 3 * 2**20 * 2 / rate),
            _case(VENDOR, "read bandwidth of 16 channels", "GB/s", 231, rate / 4),
        )
    )


def _ranges(kind: str) -> Found:
    rows = [middle_step(model) for model in MODELS]
    cases: list[Case] = []
    for chip, ends in SPEED.items():
        found = [row.speedup(chip, kind) for row in rows]
        cases += _ends(f"speed against {chip}", ends, found)
    for chip, ends in ENERGY.items():
        found = [row.efficiency(chip, kind) for row in rows]
        cases += _ends(f"energy against {chip}", ends, found)
    return Found(tuple(cases))


def _ends(what: str, ends: tuple[float, float], found: list[float]) -> list[Case]:
    pairs = (("lowest", ends[0], min(found)), ("highest", ends[1], max(found)))
    return [_case(PAPER, f"{what}, {end} of eight models", "x", want, ours) for end, want, ours in pairs]


def _case(source: str, quantity: str, unit: str, want: float, ours: float, status: Status = "published") -> Case:
    return Case(source, quantity, unit, want, ours, status)


GROUPS = (
    Group("pim/aim", "In-DRAM MAC: command streams of GDDR6-AiM in the steady state", _aim, "Exact."),
    Group(
        "pim/hbm2",
        "In-DRAM MAC: the vendor's HBM2-PIM examples",
        _vendor,
        "Nothing fitted. A cycle is one of the 1 GHz command clock. The figures without PIM are those of 64 pseudo "
        "channels: 16 would need at least 131,072 cycles for the weights. The results stay in the banks as in the "
        "vendor's count; reading 16 lanes of every sum costs another 256 cycles, which the chip file pays.",
    ),
    Group(
        "pim/pim-gpt-eager",
        "PIM-GPT: published ranges against an eager baseline",
        lambda _: _ranges("eager"),
        "Two constants were chosen to match both ends of the speed against T4: 21 us per kernel at 28 kernels a layer "
        "and 7 ms a token, in 32 bits. The same overheads do not explain the CPU, whose printed times mean a few GB/s. "
        "Baselines draw their thermal design power. Almost all numbers of the chip are recalled.",
    ),
    Group(
        "pim/pim-gpt-graph",
        "PIM-GPT: published ranges against a captured graph in 16 bits",
        lambda _: _ranges("graph"),
        "What remains of the published ratios without host overhead; not a reproduction.",
    ),
    Group(
        "pim/pim-gpt-roofline",
        "PIM-GPT: published ranges against the roofline in 16 bits",
        lambda _: _ranges("roofline"),
        "As above, the baseline at its peak bandwidth.",
    ),
)
