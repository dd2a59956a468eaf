"""The measured sets of GPU kernels: which file, which shipped chip, and what was chosen while looking at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from hwsim.chip import Chip
from hwsim.config import load_chip
from hwsim.units.gpu import Gpu, GpuSpec
from search.validation.case import LARGE, Case, Request, errors_of
from search.validation.measured import (
    Reader,
    Sample,
    deepbench,
    deepbench_convolutions,
    llmcompass_gelu,
    llmcompass_matmul,
    llmcompass_rows,
    read,
    vidur,
)
from workloads.errors import UserError
from workloads.graph import Op, Tensor
from workloads.inline import parse_inline

SHARED = (
    "Shared by all GPUs and chosen while looking at the five GPUs' matrix products, this set among them: tile menu, "
    "efficiencies of tensor cores, L2 and DRAM, costs of a tile round and of a split, overlap exponent, share "
    "without wave rounding, and the sustained clock as the mean of base and boost. Nothing is fitted per GPU."
)
PCIE = (
    "The files do not say which A100 was measured; the clocks of the PCIe card fit better than those of SXM, so the "
    "choice of chip was made looking at these two sets."
)
HARNESS = "The harness adds {} per call, the launch included; read off the shortest calls of this set."
STREAMS = "The share of DRAM bandwidth that streams reach (85 %) was chosen looking at softmax, layernorm and GELU."
ROWS = f"{STREAMS} So were the row lengths from which on a row is read more than once."


@dataclass(frozen=True, slots=True)
class MeasuredSet:
    """One file of measurements.

    Attributes:
        chip: the shipped chip that is simulated.
        file: below the folder of measurements.
        overhead: seconds per call that the harness adds to the launch.
        products: whether these are matrix products, for which a clock fraction can be calibrated.
    """

    name: str
    title: str
    source: str
    chip: str
    file: str
    reader: Reader
    note: str
    overhead: float = 0.0
    products: bool = True


VIDUR, COMPASS, BENCH = "vidur", "LLMCompass", "DeepBench"
_BENCH_FILE = "deepbench/NV_{}_train__Results_-_FP16_ip,_Mixed_math.csv"
_LAUNCH = 3e-6


def _compass(name: str, title: str, file: str, reader: Reader, floor: float, note: str) -> MeasuredSet:
    """LLMCompass's A100; ``floor`` is what its harness adds per call, launch included."""
    harness = HARNESS.format(f"{floor * 1e6:g} us")
    path, overhead, products = f"llmcompass/{file}", floor - _LAUNCH, name == "a100-matmul"
    return MeasuredSet(name, title, COMPASS, "a100_80gb_sxm", path, reader, f"{harness} {note}", overhead, products)


def _bench(gpu: str, chip: str, kind: str, reader: Reader, note: str) -> MeasuredSet:
    name, title = f"{gpu.lower()}-{kind}", f"{gpu}: DeepBench, {'matrix products' if kind == 'deepbench' else kind}"
    file, products = _BENCH_FILE.format(gpu), kind == "deepbench"
    return MeasuredSet(name, title, BENCH, chip, file, reader, note, 2e-6, products)


_BENCH_NOTE = f"{SHARED} 2 us per call beyond the launch, read off the shortest calls of both DeepBench sets."
_CONVOLUTION_NOTE = (
    "The 80 % that addressing leaves of a convolution's main loop was chosen looking at both convolution sets. No "
    "accuracy is claimed: the library of 2018 converts layouts, which the model does not know."
)
SETS = (
    MeasuredSet(
        "a100-llama-2-7b", "A100: linear layers of Llama-2-7B, 1, 2, 4 and 8 shards", VIDUR, "a100_80gb_pcie",
        "vidur/a100__Llama-2-7b-hf__mlp.csv.gz", vidur, f"{SHARED} {PCIE}",
    ),
    MeasuredSet(
        "a100-llama-3-8b", "A100: linear layers of Llama-3-8B, 1, 2, 4 and 8 shards", VIDUR, "a100_80gb_pcie",
        "vidur/a100__Meta-Llama-3-8B__mlp.csv.gz", vidur, f"{SHARED} {PCIE}",
    ),
    MeasuredSet(
        "a40-llama-2-7b", "A40: linear layers of Llama-2-7B, 1, 2, 4 and 8 shards", VIDUR, "a40",
        "vidur/a40__Llama-2-7b-hf__mlp.csv.gz", vidur, SHARED,
    ),
    _bench("T4", "t4", "deepbench", deepbench, _BENCH_NOTE),
    _bench("V100", "v100_sxm2", "deepbench", deepbench, f"{_BENCH_NOTE} That the card is an SXM2 one is assumed."),
    _compass("a100-matmul", "A100: matrix products of LLMCompass", "matmul_A100.csv", llmcompass_matmul, 28e-6, SHARED),
    _compass("a100-softmax", "A100: softmax of LLMCompass", "softmax_A100.csv", llmcompass_rows("softmax"),
             12.8e-6, ROWS),
    _compass("a100-layernorm", "A100: layernorm of LLMCompass", "layernorm_A100.csv", llmcompass_rows("layernorm"),
             52e-6, ROWS),
    _compass("a100-gelu", "A100: GELU of LLMCompass", "gelu_A100.csv", llmcompass_gelu, 47.5e-6, STREAMS),
    _bench("T4", "t4", "convolutions", deepbench_convolutions, _CONVOLUTION_NOTE),
    _bench("V100", "v100_sxm2", "convolutions", deepbench_convolutions, _CONVOLUTION_NOTE),
)  # fmt: skip


def samples_of(measured: MeasuredSet, request: Request) -> tuple[Sample, ...] | None:
    """The samples of a set, None where its file is not there.

    Raises:
        UserError: there is none of the sets in the folder, or the file is not what it should be.
    """
    if request.data is None:
        return None
    if not any((request.data / other.file).is_file() for other in SETS):
        raise UserError(f"{request.data}: no measurements in this folder, expected for example {SETS[0].file}")
    file = request.data / measured.file
    if not file.is_file():
        return None
    return _samples(measured.reader, file)


def thinned(samples: Sequence[Sample], request: Request) -> Sequence[Sample]:
    """Every so many-th sample of a large set, all of a small one."""
    return samples[:: request.every] if len(samples) > LARGE else samples


@cache
def _samples(reader: Reader, file: Path) -> tuple[Sample, ...]:
    return read(reader, file)


@cache
def _chip(name: str) -> Chip:
    return load_chip(name)


def gpu_of(measured: MeasuredSet, changes: Mapping[str, float] | None = None) -> Gpu:
    """The GPU unit of the set's chip with the overhead of its harness; ``changes`` replace fields of its spec."""
    chip = _chip(measured.chip)
    spec = chip.units["gpu"].model_copy(update={"host_overhead": measured.overhead, **(changes or {})})
    assert isinstance(spec, GpuSpec)
    return Gpu("gpu", spec, chip)


@lru_cache(maxsize=4096)
def _operator(text: str) -> tuple[Op, dict[str, Tensor]]:
    graph = parse_inline(text)
    ((_, op),) = graph.walk()
    return op, dict(graph.by_name)


def cases_of(measured: MeasuredSet, samples: Sequence[Sample], gpu: Gpu) -> tuple[Case, ...]:
    """Every sample with the simulated time in microseconds, launch and host overhead included."""
    seconds: dict[str, float] = {}
    for sample in samples:
        if sample.text not in seconds:
            kernel = gpu.kernel(*_operator(sample.text))
            seconds[sample.text] = kernel.seconds + kernel.overhead_seconds
    return tuple(
        Case(measured.source, s.text, "us", s.seconds * 1e6, seconds[s.text] * 1e6, "measured", s.part) for s in samples
    )


def calibrate(measured: MeasuredSet, samples: Sequence[Sample], shapes: int = 12) -> tuple[float, tuple[Sample, ...]]:
    """The best clock fraction on a few shapes, in steps of 0.01, and all other samples, the quickest first.

    The shapes are spread evenly over the slower 70 %: the quickest ones depend on launches, not on the clock.
    """
    ordered = sorted(samples, key=lambda sample: sample.seconds)
    chosen = {int(len(ordered) * (0.3 + 0.7 * (i + 0.5) / shapes)) for i in range(shapes)}
    train = [ordered[i] for i in sorted(chosen)]

    def at(fraction: float) -> Gpu:
        return gpu_of(measured, {"clock_fraction": fraction})

    best = min((step / 100 for step in range(50, 101)), key=lambda f: errors_of(cases_of(measured, train, at(f))).mean)
    return best, tuple(sample for i, sample in enumerate(ordered) if i not in chosen)
