"""FPGA designs: FlightLLM's published profile of Llama-2-7B, and its headline on the board of the paper."""

from __future__ import annotations

from functools import cache

from hwsim.report import Report
from mapper.estimate import Estimator, make_estimator
from search.validation.case import Case, Found, Group, Request, Status
from workloads.catalog import load

INTAR = "OswaldHe/InTAR, benchmark/README.md"
PROFILE = "FlightLLM/flightllm_test_demo, profile/"
BITS = {"weight": 4, "activation": 8, "input": 8, "output": 8, "state": 8}
DECODE_ALIGNMENT = 16
STEPS = {144: 9.281941, 512: 9.809803, 1024: 10.615, 1648: 11.703339}
"""Milliseconds of one decode step by tokens (profiler_output/*.csv)."""
PREFILLS = {128: 289.882369, 512: 1181.419287}
"""Milliseconds by tokens (profiler_output/*.csv)."""
SUMS = {
    (128, 512): 4946.4,
    (128, 1024): 10318.6,
    (128, 1536): 16103.1,
    (512, 512): 5269.0,
    (512, 1024): 10950.5,
    (512, 1536): 17044.3,
}
"""Milliseconds of all decode steps, by prompt and output (README.md, the cases of Fig. 12)."""


def _with_chip(name: str) -> Estimator:
    from hwsim.config import load_chip

    return make_estimator(load_chip(name))


@cache
def _estimator(chip: str) -> Estimator:
    return _with_chip(chip)


@cache
def _report(chip: str, phase: str, context: int) -> Report:
    return _estimator(chip).report(load("llama-2-7b", phase, context=context, bits=BITS))


TRAINED, TRAINED_BATCH = ("resnet-18", "vgg-16", "vit-b16"), 32


def decode_seconds(chip: str, prompt: int, output: int) -> float:
    """All decode steps of an answer, the first token's included, at lengths padded as the profiler pads them."""
    unit = DECODE_ALIGNMENT
    lengths = (-(-(prompt + step) // unit) * unit for step in range(1, output + 1))
    return sum(_report(chip, "decode", length).seconds for length in lengths)


def _profile(_: Request) -> Found:
    chip = "flightllm_vhk158"
    cases = [
        _case("profiler_output", f"decode step at {length:,}", "ms", ms, _report(chip, "decode", length).seconds * 1e3)
        for length, ms in STEPS.items()
    ]
    cases += [
        _case("profiler_output", f"prefill of {length}", "ms", ms, _report(chip, "prefill", length).seconds * 1e3)
        for length, ms in PREFILLS.items()
    ]
    cases += [
        _case(
            "README.md",
            f"decode, prompt {prompt}, output {output:,}",
            "ms",
            ms,
            decode_seconds(chip, prompt, output) * 1e3,
        )
        for (prompt, output), ms in SUMS.items()
    ]
    return Found(tuple(cases))


def _board(_: Request) -> Found:
    chip = "flightllm_u280"
    rate = 512 / decode_seconds(chip, 128, 512)
    watts = _report(chip, "decode", 512).average_power_watts
    return Found(
        (
            Case(f"{PROFILE}README (Fig. 1)", "decode rate on the U280", "tokens/s", 55, rate, "published"),
            Case(
                "AccLLM (TVLSI 2026), Table VII", "energy on the U280", "tokens/J", 55 / 45, rate / watts, "secondary"
            ),
        )
    )


@cache
def kernel_cases() -> tuple[Case, ...]:
    """InTAR's benchmark, ``KERNEL, STYLE``: cycles counted on the board and ours."""
    from hwsim.fpga.dataflow import play_plan
    from hwsim.fpga.kernels import DESIGNS, MEASURED

    return tuple(
        Case(
            INTAR,
            f"{kernel}, {style}",
            "cycles",
            measured.cycles,
            play_plan(DESIGNS[kernel, style]()),
            "measured",
            style,
        )
        for (kernel, style), measured in MEASURED.items()
    )


def _tasks(_: Request) -> Found:
    return Found(kernel_cases())


def speed_up(model: str, batch: int) -> float:
    """A dense training step over one with 2:8 sparse weights on SAT."""
    from hwsim.config import load_chip
    from workloads.catalog import find
    from workloads.model import Choices, bind_model

    graph = bind_model(find(model), "train", Choices(batch))
    sparse, dense = (
        make_estimator(load_chip("sat_vcu1525", changes)).report(graph).seconds
        for changes in ((), ("units.core.sparse=[]",))
    )
    return dense / sparse


def _training(_: Request) -> Found:
    mean = sum(speed_up(model, TRAINED_BATCH) for model in TRAINED) / len(TRAINED)
    what = f"speed-up of 2:8 over dense training, mean of {', '.join(TRAINED)}"
    return Found((Case("arXiv:2309.13015, abstract", what, "x", 1.75, mean, "published"),))


def _case(where: str, quantity: str, unit: str, printed: float, ours: float, status: Status = "published") -> Case:
    return Case(PROFILE + where, quantity, unit, printed, ours, status)


GROUPS = (
    Group(
        "fpga/flightllm-vhk158",
        "FlightLLM on the VHK158: Llama-2-7B by the authors' profiler",
        _profile,
        "The published times are those of a profiler, not of a board. Its instruction streams, paddings and channel "
        "efficiencies are modelled; nothing is fitted, but 3.2, by which it divides every time, is taken over as four "
        "dies at 0.8. Its sparse attention masks are not: a causal mask in blocks of 64 stands for them (prefill).",
    ),
    Group(
        "fpga/flightllm-u280",
        "FlightLLM on the U280: the same design per die on the paper's board",
        _board,
        "A prediction: three dies and 460 GB/s instead of four and 880. The power is stated, not modelled, so the "
        "energy repeats the error of the rate.",
    ),
    Group(
        "fpga/intar-kernels",
        "InTAR: multi-task kernels on the U280, sequential, dataflow and reconfigurable",
        _tasks,
        "Cycles counted on the board. Lanes, loop nests and the order of reads are those of the published kernels; the "
        "drain of a loop (6 cycles) is assumed; one constant is fitted, the initiation interval of 28 of unpartitioned "
        "line buffers, to the two convolution designs that have them (so these two are no evidence). How loops without "
        "directives are synthesized (hwsim/fpga/loops.py) was settled knowing the measured cycles of the autoencoder; "
        "the two gating-network rows of dataflow and reconfigurable are printed equal to the cycle.",
    ),
    Group(
        "fpga/sat-training",
        "SAT on the VCU1525: training with 2:8 sparse weights",
        _training,
        "The abstract's average; its networks are not those here. Forward products and input gradients keep "
        "2 of 8 weights, weight gradients are dense, so without drains, loads and element-wise work it would be 2.",
    ),
)
