"""HNLPU: throughput, shares of time, area, energy, cost and carbon of 16 hardwired chips with gpt-oss-120b."""

from __future__ import annotations

from functools import cache

from hwsim.between import Between
from hwsim.chip import Chip
from hwsim.config import load_chip
from hwsim.machine import make_machine
from hwsim.manufacturing import bill_of
from hwsim.ownership import Plan, ownership
from hwsim.simulation import Simulation, play_schedule
from mapper.graph import map_graph
from search.validation.case import Case, Found, Group, Request, Status
from workloads.model import Choices, bind_model
from workloads.user import open_model

PAPER = "arXiv 2508.16151v2"
TOKENS_PER_SECOND = {2048: 249_960.0}
"""Table 2."""
SHARES = {
    2048: {"links": 0.829, "projection": 0.138},
    8192: {"links": 0.815, "projection": 0.136},
    65536: {"links": 0.708, "projection": 0.118, "attention": 0.151},
}
"""Fig. 14."""
BUILD = {"one system": (1, 59.25, 123.3), "fifty systems": (50, 62.83, 129.9)}
RESPIN = {"one system": (1, 18.53, 37.06), "fifty systems": (50, 22.11, 43.68)}
"""Table 5, million dollars."""
OWN = {
    "one system, static weights": (1, 0, 59.56, 123.7),
    "one system, two re-spins": (1, 2, 96.62, 197.8),
    "fifty systems, static weights": (50, 0, 74.7, 142.1),
    "fifty systems, two re-spins": (50, 2, 118.9, 229.4),
}
"""Table 3, million dollars in three years."""
CARBON = {"one system": (1, 0, 102.0), "fifty systems": (50, 0, 4924.0), "fifty systems, two re-spins": (50, 2, 5124.0)}
"""Table 3, tonnes."""

GPUS = {"2,000 GPUs": (250, 191.2, 36600.0), "100,000 GPUs": (12500, 9563.0, 1830000.0)}
"""Table 3: H100 in nodes of 8, million dollars and tonnes in three years."""


@cache
def _chip() -> Chip:
    return load_chip("hnlpu")


@cache
def _played(context: int) -> Simulation:
    graph = bind_model(open_model("gpt-oss-120b"), "decode", Choices(216, context, {"weight": 4}))
    return play_schedule(graph, map_graph(graph, _chip()), _chip())


def share(played: Simulation, engine: str) -> float:
    """Fraction of the time that tokens spend on one engine of the grid."""
    place = played.machine.resources.index(f"grid: {engine}")
    return sum(row[place] for row in played.own_seconds) / played.report.seconds


def _performance(_: Request) -> Found:
    cases = [
        _case("Table 2", f"tokens/s at {context:,}", "tokens/s", rate, _played(context).report.throughput)
        for context, rate in TOKENS_PER_SECOND.items()
    ]
    first = _played(2048).report
    cases.append(_case("Table 2", "tokens/kJ at 2,048", "1/kJ", 36226, 1e3 * first.work / first.energy_joules))
    area = (first.area_square_metres or 0.0) * 1e6
    cases.append(_case("Table 2", "area of 16 chips", "mm2", 13232, area))
    return Found(tuple(cases))


def _shares(_: Request) -> Found:
    return Found(
        tuple(
            _case("Fig. 14", f"share of {engine} at {context:,}", "", printed, share(_played(context), engine))
            for context, engines in SHARES.items()
            for engine, printed in engines.items()
        )
    )


def _money(_: Request) -> Found:
    chip = _chip()
    area = make_machine(chip).area_square_metres
    bill = bill_of(chip, area)
    cases = [
        _case("App. B", "dies per wafer", "", 62, bill.dies),
        _case("App. B", "good dies per wafer", "", 27, bill.good_dies),
        _case("Table 5", "die", "USD", 629, bill.die.low),
    ]
    for what, (systems, low, high) in BUILD.items():
        cases += _both("Table 5", f"build {what}", low, high, bill.build(16 * systems))
    for what, (systems, low, high) in RESPIN.items():
        cases += _both("Table 5", f"re-spin {what}", low, high, bill.respin(16 * systems))
    for what, (systems, respins, low, high) in OWN.items():
        cases += _both("Table 3", f"own {what}", low, high, ownership(chip, area, Plan(systems, 3, respins)).dollars)
    for what, (systems, respins, tonnes) in CARBON.items():
        kilograms = ownership(chip, area, Plan(systems, 3, respins)).kilograms
        cases.append(_case("Table 3", f"carbon of {what}", "t", tonnes, kilograms / 1e3))
    return Found(tuple(cases))


def _gpus(_: Request) -> Found:
    gpu, cases = load_chip("h100_sxm"), list[Case]()
    for what, (systems, dollars, tonnes) in GPUS.items():
        owned = ownership(gpu, None, Plan(systems, 3, 0))
        cases.append(_case("Table 3", f"own {what}", "M$", dollars, owned.dollars.low / 1e6))
        cases.append(_case("Table 3", f"carbon of {what}", "t", tonnes, owned.kilograms / 1e3))
    return Found(tuple(cases))


def _both(table: str, what: str, low: float, high: float, ours: Between) -> list[Case]:
    ends = (("low", low, ours.low), ("high", high, ours.high))
    return [_case(table, f"{what}, {end}", "M$", printed, value / 1e6) for end, printed, value in ends]


def _case(table: str, quantity: str, unit: str, printed: float, ours: float, status: Status = "published") -> Case:
    return Case(f"{PAPER}, {table}", quantity, unit, printed, ours, status)


GROUPS = (
    Group(
        "hnlpu/performance",
        "Hardwired chips: throughput, energy and area with gpt-oss-120b, 216 tokens in flight",
        _performance,
        "Reproduced with assumptions chosen to match: four cycles per token and matrix, seven link steps per layer in "
        "a row, attention that tokens do not share. Counted with sharing, at the published 32 heads per cycle and "
        "chip, attention alone limits 8K contexts to 217,000 tokens/s. The power factor of 1.4 over the chips' sum is "
        "the paper's; it applies 1.4 again as power usage effectiveness.",
    ),
    Group("hnlpu/shares", "Hardwired chips: where a token's time goes, by context", _shares, "As above."),
    Group(
        "hnlpu/money",
        "Hardwired chips: dies, masks, building, owning and carbon",
        _money,
        "Arithmetic of the appendix. Its Table 3 is met with 90 k$ of network per system (45 k$ are stated) and one "
        "spare system per ten, which are inferred; the carbon of one system is printed for 10 kW instead of 9.66.",
    ),
    Group(
        "hnlpu/gpus",
        "Owning H100: what the paper compares with",
        _gpus,
        "Met with 90 k$ of network per node of 8 and 15 % of maintenance a year; the appendix states 45 k$ and 5 %. "
        "The paper's table of performance takes an H100 at 45 tokens/s, which is a single stream; its 2,000 GPUs per "
        "system follow from 1,080 tokens/s each, at 50 concurrent requests.",
    ),
)
