# %% [markdown]
# # Reproducing a paper
# A simulator earns trust by saying what is known already. Here published results stand beside simulated ones, first
# those that come with the program, then one written from scratch.

# %%
import tempfile
from pathlib import Path

from rich.console import Console

from search.reproduction.draw import picture
from search.reproduction.paper_file import load_paper
from search.reproduction.result import score
from search.reproduction.run import assemble, compute
from search.reproduction.show import show

paper = load_paper("eyeriss")
eyeriss = assemble(paper, compute(paper))
show(eyeriss, Console(width=110))

# %% [markdown]
# Every row says where its published value comes from and whether ours was predicted, chosen to match, or fitted. A
# row far off is shown like the others; the last paragraph says what is modelled, what is assumed and what is
# missing.

# %%
summary = score(paper.name, [eyeriss])
print(f"{summary.rows} rows: mean error {summary.mean:.1%}, worst {summary.worst:.1%}")
print(f"{summary.within} of {summary.claimed} rows within the tolerance that is stated for them")

# %% [markdown]
# The figure is drawn in the manner of the paper's. `hwsim reproduce eyeriss --plot eyeriss.svg` writes the same.

# %%
drawing = picture(eyeriss, "png")
print(f"a picture of {len(drawing):,} B")

try:
    from IPython.display import Image, display

    display(Image(drawing))
except ImportError:
    pass

# %% [markdown]
# A paper is a data file: rows that name a model, a chip and a quantity. Say somebody has printed the decode rate of
# Llama-2-7B on an FPGA: one published number (it is FlightLLM's), and three that are left open, which are
# predictions.

# %%
folder = Path(tempfile.mkdtemp())
(folder / "mine.yaml").write_text(
    """\
title: A paper of our own
citation: nobody, 2026
modelled: One decoded token with the engines of FlightLLM on the U280.
assumed: Weights of 4 bits on the FPGA and of 16 on the GPU.
not_modelled: Serving software.
panels:
  - title: Decode rate
    unit: tokens/s
    axis: tokens of context
    chart: lines
    source: README of the profiler, average over an answer
    tolerance: 0.1
    basis: predicted
    estimate:
      model: llama-2-7b
      chip: flightllm_u280
      phase: decode
      bits: "weight=4,activation=8,input=8,output=8,state=8"
      quantity: work_per_second
    rows:
      - {at: 512, published: 55, estimate: {context: 512}}
      - {at: 2048, estimate: {context: 2048}}
      - {at: 512, series: A100, estimate: {context: 512, chip: a100_80gb_pcie, bits: 16}}
      - {at: 2048, series: A100, estimate: {context: 2048, chip: a100_80gb_pcie, bits: 16}}
""",
    encoding="utf-8",
)
mine = load_paper(str(folder / "mine.yaml"))
ours = assemble(mine, compute(mine))
show(ours, Console(width=110))

# %% [markdown]
# The GPU is faster than the FPGA here, and no choice of ours could change that: the rate of a decode step follows
# from the bytes of its weights over the bandwidth. All papers that come with the program, with a scoreboard: `hwsim
# reproduce --all`.

# %%
for row in ours.panels[0].rows:
    print(f"{row.series or 'U280':5s} at {row.at:>5}: {row.simulated:6.1f} tokens/s")
