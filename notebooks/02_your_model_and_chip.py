# %% [markdown]
# # Your own model on your own chip
# Any PyTorch module becomes an operator graph, any YAML file a chip. Nothing is executed but the tracing: the module
# lives on the meta device, so it needs no weights and no memory. (This one needs the extra: `pip install
# "hwsim[trace]"`.)

# %%
import tempfile
from pathlib import Path

import torch
from torch import nn

import hwsim
import mapper
from hwsim.quantity import show
from hwsim.report import Report
from workloads.bind import bind
from workloads.precision import with_precision
from workloads.trace import trace


class Mixer(nn.Module):
    """A small image network: patches, then blocks that mix over places and over channels."""

    def __init__(self, width: int = 192, places: int = 196, blocks: int = 4) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, kernel_size=16, stride=16)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(blocks))
        self.places = nn.ModuleList(nn.Linear(places, places) for _ in range(blocks))
        self.channels = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)) for _ in range(blocks)
        )
        self.head = nn.Linear(width, 1000)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.patches(image).flatten(2).transpose(1, 2)
        for norm, places, channels in zip(self.norms, self.places, self.channels, strict=True):
            x = x + places(norm(x).transpose(1, 2)).transpose(1, 2)
            x = x + channels(x)
        return self.head(x.mean(dim=1))


with torch.device("meta"):
    model, image = Mixer(), torch.empty(1, 3, 224, 224)
graph = with_precision(bind(trace(model, (image,), name="mixer")), dict.fromkeys(("weight", "activation", "input"), 8))
for segment in graph.segments:
    print(f"{segment.count} x {segment.name}: {', '.join(op.kind for op in segment.ops)}")

# %% [markdown]
# Four equal blocks were found and folded. Now a chip: one array of 16 by 16, a scratchpad, a DRAM. Every number
# needs a source or the honest word `assumed`; what is left out (areas, energies per access) is derived from tables.

# %%
CHIP = """\
title: My first chip
technology: {node: 28 nm}
clock: core
clocks: {core: 500 MHz}
memories:
  dram: {kind: dram, family: lpddr, size: 1 GiB, bandwidth: 8 GB/s}
  scratchpad: {kind: sram, size: 256 KiB}
units:
  array: {kind: systolic_array, clock: core, path: [dram, scratchpad], rows: 16, columns: 16, dataflow: ws,
    rates: {8: 1}}
  vector: {kind: vector_unit, clock: core, path: [dram, scratchpad], lanes: 16}
sources:
  - {cite: a sketch on paper, status: assumed, keys: [technology, clocks, memories, units]}
"""
folder = Path(tempfile.mkdtemp())
(folder / "mine.yaml").write_text(CHIP, encoding="utf-8")


def run(*changes: str) -> Report:
    """The report of the model on the chip with some keys changed."""
    chip = hwsim.load_chip(folder / "mine.yaml", changes)
    return hwsim.simulate(graph, mapper.map_graph(graph, chip), chip)


report = run()
print(f"{show(report.seconds, 's')}, {show(report.energy_joules, 'J')}, {report.throughput:.0f} inferences/s")

# %% [markdown]
# What holds it back? The slowest operators say which resource each of them waited for.

# %%
for row in sorted(report.ops, key=lambda row: -row.seconds)[:5]:
    print(f"{row.name:28s} {row.kind:8s} {show(row.seconds, 's'):>10s}  bound by {row.bound_by}")

# %% [markdown]
# So try what would help. A key of the chip file with a new value is all a what-if needs, as with `--set` on the
# command line.

# %%
for change in (
    "clocks.core=1 GHz",
    "memories.dram.bandwidth=16 GB/s",
    "memories.scratchpad.size=1 MiB",
    "units.array.rows=32",
    "units.vector.lanes=64",
):
    changed = run(change)
    print(f"{change:35s} {show(changed.seconds, 's'):>10s}  {report.seconds / changed.seconds:.2f} times as fast")
