"""Reading measured times of GPU kernels: the public data files of vidur, DeepBench and LLMCompass.

A folder of measurements has ``vidur/``, ``deepbench/`` and ``llmcompass/`` with the files those projects publish
(vidur's gzipped). Traps: vidur's rows with num_tensor_parallel_workers > 1 time one shard; DeepBench's M, N, K are
those of a column-major product (a row-major product of N x K by K x M).
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from workloads.errors import UserError


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured operator as inline text, with its time; ``part`` is its layer kind or layout."""

    text: str
    seconds: float
    part: str = ""


Reader: TypeAlias = Callable[[Path], tuple[Sample, ...]]


def read(reader: Reader, file: Path) -> tuple[Sample, ...]:
    """The samples of a file.

    Raises:
        UserError: the file can't be read, has other columns, or has no samples.
    """
    try:
        samples = reader(file)
    except (OSError, EOFError, KeyError, ValueError, IndexError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: not the measurements expected here: {error!r}") from error
    if not samples:
        raise UserError(f"{file}: no measurements found in it")
    return samples


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
    """Matrix products of DeepBench's training set by layout (milliseconds)."""
    samples: list[Sample] = []
    for row in csv.reader(file.read_text(encoding="utf-8").splitlines()):
        if row and row[0].startswith("Convolution"):
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
                text = f"conv2d:n={n},c={c},{size},k={k},r={r},s={s},stride={stride}"
                samples.append(Sample(text, float(row[13]) * 1e-3))
    return tuple(samples)


def _cells(file: Path) -> list[list[str]]:
    return [line.split(",") for line in file.read_text(encoding="utf-8").splitlines() if "," in line]


def llmcompass_matmul(file: Path) -> tuple[Sample, ...]:
    """Rows of m, k, n, milliseconds."""
    return tuple(
        Sample(f"matmul:m={int(m)},n={int(n)},k={int(k)}", float(time.strip().removesuffix("ms")) * 1e-3)
        for m, k, n, time, *_ in _cells(file)
    )


def _llmcompass_rows(kind: str, file: Path) -> tuple[Sample, ...]:
    return tuple(
        Sample(f"{kind}:rows={int(m)},columns={int(n)}", int(m) * int(n) / (float(rate) * 1e9))
        for m, n, rate in _cells(file)
    )


def llmcompass_rows(kind: str) -> Reader:
    """A reader of softmax or layernorm: rows, columns, 1e9 elements per second."""
    return partial(_llmcompass_rows, kind)


def llmcompass_gelu(file: Path) -> tuple[Sample, ...]:
    """GELU: elements, 1e9 elements per second."""
    return tuple(Sample(f"gelu:elements={int(n)}", int(n) / (float(rate) * 1e9)) for n, rate in _cells(file))
