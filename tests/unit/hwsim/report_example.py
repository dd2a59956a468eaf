"""A small report with believable numbers: three decode layers on a chip with a slow memory."""

from __future__ import annotations

from hwsim.report import Bounds, EnergyRow, Footnote, OpRow, Report, Span, TrafficRow

# name, kind, count, milliseconds, microjoules (mac, cmem, hbm), macs, utilization, bound by, bytes from hbm
_OPS = [
    ("embed", "embedding", 1, 0.002, (0.0, 0.1, 0.3), 0, 0.0, "memory:hbm", 8_192),
    ("layers.input_norm", "rmsnorm", 3, 0.006, (0.2, 0.3, 0.0), 0, 0.0, "compute", 0),
    ("layers.q_proj", "linear", 3, 0.164, (7.5, 40.1, 812.0), 50_331_648, 0.0045, "memory:hbm", 100_663_296),
    ("layers.k_proj", "linear", 3, 0.041, (1.9, 10.0, 203.0), 12_582_912, 0.0045, "memory:hbm", 25_165_824),
    ("layers.rope", "rope", 3, 0.003, (0.1, 0.2, 0.0), 0, 0.0, "overhead", 0),
    ("layers.append", "kv_append", 3, 0.001, (0.0, 0.1, 0.1), 0, 0.0, "dependency", 12_288),
    ("layers.attention.scores", "matmul", 3, 0.021, (3.8, 5.2, 101.0), 25_165_824, 0.0177, "memory:hbm", 12_582_912),
    ("layers.attention.softmax", "softmax", 3, 0.009, (0.4, 0.6, 0.0), 0, 0.0, "compute", 0),
    ("layers.attention.values", "matmul", 3, 0.022, (3.8, 5.2, 101.0), 25_165_824, 0.0169, "memory:hbm", 12_582_912),
    ("layers.gate_proj", "linear", 3, 0.574, (26.4, 140.0, 2842.0), 176_160_768, 0.0045, "memory:hbm", 352_321_536),
    ("layers.silu", "silu", 3, 0.004, (0.3, 0.2, 0.0), 0, 0.0, "compute", 0),
    ("layers.down_proj", "linear", 3, 0.574, (26.4, 140.0, 2842.0), 176_160_768, 0.0045, "memory:hbm", 352_321_536),
    ("lm_head", "linear", 1, 1.711, (78.8, 418.0, 8474.0), 525_336_576, 0.0045, "memory:hbm", 1_050_673_152),
]  # fmt: skip


def example_report() -> Report:
    """The report that the tests of the outputs share."""
    energy: list[EnergyRow] = []
    for name, kind, _, _, joules, macs, *_ in _OPS:
        unit = ("mxu", "mac") if kind in ("linear", "matmul") else ("vpu", "op")
        energy.append(EnergyRow(name, *unit, float(macs or 4096), joules[0] * 1e-6))
        energy.append(EnergyRow(name, "cmem", "read", joules[1] * 1e6, joules[1] * 1e-6))
        energy.append(EnergyRow(name, "hbm", "read", joules[2] * 1e5, joules[2] * 1e-6))
    seconds = sum(op[3] for op in _OPS) * 1e-3
    energy.append(EnergyRow("", "chip", "static", seconds, 55.0 * seconds))
    macs = sum(op[5] for op in _OPS)
    return Report(
        model="tiny-llama",
        chip="tpu_v4i",
        phase="decode",
        batch=1,
        context=2048,
        clock_name="core",
        clock_hertz=1.05e9,
        cycles=round(seconds * 1.05e9),
        seconds=seconds,
        unit_of_work="tokens",
        work=1,
        energy=tuple(energy),
        traffic=tuple(TrafficRow(op[0], memory, float(op[8]), 12_288.0) for op in _OPS for memory in ("hbm", "cmem")),
        ops=tuple(
            OpRow(name, kind, f"model.{name}", "mxu" if m else "vpu", n, ms * 1e-3, sum(uj) * 1e-6, m, used, bound)
            for name, kind, n, ms, uj, m, used, bound, _ in _OPS
        ),
        bounds=Bounds(macs / 68.8e12, 1.906e9 / 614e9, 1.906e9),
        timeline=_timeline(),
        parameters=952_000_000,
        macs=macs,
        weight_bytes=1_904_000_000,
        state_bytes=25_165_824,
        capacity_bytes=8_000_000_000,
        area_square_metres=400e-6,
        price_dollars_per_million=0.0123,
        mapper="fast",
        mapper_note="heuristic, 812 mappings of 1 distinct contraction evaluated",
        conventions=("a MAC is one multiply and one add", "context counts the new token"),
        warnings=("op 'layers.rope' has no energy data for sqrt; counted as 0 J",),
        footnotes=(
            Footnote(("memories.hbm.bandwidth", "memories.hbm.size"), "TPUv4i, ISCA 2021, table 1", "published"),
            Footnote(
                ("memories.cmem.bandwidth", "units.vpu.lanes"), "no published number; sized to the MXU", "assumed"
            ),
            Footnote(("memories.hbm.read_energy",), "HBM2 3.9 pJ/bit, O'Connor 2017", "secondary"),
        ),
    )


def _timeline() -> tuple[Span, ...]:
    spans: list[Span] = []
    now = 0.0
    for name, kind, count, ms, _, _, _, bound, _ in _OPS:
        length = ms * 1e-3
        busy = "mxu" if kind in ("linear", "matmul") else "vpu"
        load = length if bound == "memory:hbm" else 0.3 * length
        spans.append(Span("hbm", f"load {name}", now, now + load, count))
        spans.append(Span(busy, name, now + 0.4 * length, now + length, count))
        now += length
    return tuple(spans)
