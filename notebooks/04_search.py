# %% [markdown]
# # Searching for a chip
# What chip should it have been? A *space* says what may change, what runs, what is wanted and what is forbidden. A
# *sampler* proposes designs, the simulator judges them, and what is left is a front: designs that no other beats in
# everything.

# %%
import io
import tempfile
from pathlib import Path

import hwsim
import search
from hwsim.quantity import show
from mapper.estimate import estimate
from search.design import count_points
from search.export import export
from search.pareto import front, hypervolume, knee, minimized
from search.reading import read_study
from search.space_file import load_space

space = load_space("edge_npu")
print(f"{space.title}: {count_points(space):,.0f} points")
for name, parameter in space.parameters.items():
    print(f"  {name:18s} {', '.join(map(str, parameter.choices))}")

# %% [markdown]
# A small space of our own is enough here: a systolic array with its scratchpad, for one layer of ResNet-50. It is a
# file like any other, so `hwsim search` reads it as well.

# %%
folder = Path(tempfile.mkdtemp())
(folder / "small.yaml").write_text(
    """\
title: A small space
base: edge_npu_base
parameters:
  rows: {path: units.array.rows, choices: [8, 16, 32, 64]}
  columns: {path: units.array.columns, choices: [8, 16, 32, 64]}
  dataflow: {path: units.array.dataflow, choices: [ws, os]}
  scratchpad: {path: memories.scratchpad.size, choices: [64 KiB, 256 KiB, 1024 KiB]}
  clock: {path: clocks.core, choices: [250 MHz, 500 MHz, 1000 MHz]}
workloads:
  - {model: "conv2d:n=1,c=128,h=28,w=28,k=128,r=3,s=3,padding=1,bits=8"}
objectives:
  - {quantity: seconds, goal: min}
  - {quantity: energy_joules, goal: min}
constraints:
  - {quantity: area_mm2, at_most: 1.3}
""",
    encoding="utf-8",
)
base = Path("hw_configs/spaces/edge_npu_base.yaml").read_text(encoding="utf-8")
(folder / "edge_npu_base.yaml").write_text(base, encoding="utf-8")
storage = str(folder / "small.study")
found = search.run(folder / "small.yaml", trials=120, sampler="nsga2", seed=1, storage=storage, watch=lambda run: None)
status = [row.outcome.status for row in found.rows]
print(f"{len(status)} trials, {status.count('infeasible')} infeasible, {len({row.key for row in found.rows})} designs")

# %% [markdown]
# The front, from the fastest to the most frugal. Infeasible designs are not lost: they told the sampler by how much
# they missed.

# %%
for row in found.front:
    quantities = row.outcome.quantities
    print(
        f"{show(quantities['seconds'], 's'):>9s} {show(quantities['energy_joules'], 'J'):>9s}"
        f" {quantities['area_mm2']:.2f} mm2  {dict(row.values)}"
    )

# %%
from matplotlib.figure import Figure

figure = Figure(figsize=(6.5, 3.8), layout="constrained")
axes = figure.subplots()
good = [row.outcome.quantities for row in found.rows if row.outcome.status == "ok"]
best = [row.outcome.quantities for row in found.front]
axes.scatter(
    [one["seconds"] for one in good], [one["energy_joules"] for one in good], s=14, c="#999999", label="feasible"
)
axes.plot([one["seconds"] for one in best], [one["energy_joules"] for one in best], "o-", c="#0072B2")
axes.set(xscale="log", yscale="log", xlabel="seconds", ylabel="joules", title="All designs, and the front")
figure.savefig(io.BytesIO(), format="png")
figure

# %% [markdown]
# Was it worth it? This space is small enough to look at every point, and so to say what the sampler missed.

# %%
every = search.run(folder / "small.yaml", trials=1000, sampler="grid", watch=lambda run: None)
points = [minimized(every.space, row) for row in every.rows if row.outcome.status == "ok"]
corner = tuple(max(values) for values in zip(*points, strict=True))
reached = [minimized(found.space, row) for row in found.front]
share = hypervolume(reached, corner) / hypervolume(points, corner)
print(f"{len(every.rows)} points, {len(front(points))} on the true front; the search reached {share:.1%} of its volume")

# %% [markdown]
# A study is a file: it can be continued, read by `optuna-dashboard`, and its best designs become chip files for
# every command.

# %%
again = read_study(storage)[2]
best_rows = found.front
chosen = knee([minimized(found.space, row) for row in best_rows])
files = export(found.space, base, best_rows, chosen, str(folder / "best"))
chip = hwsim.load_chip(folder / "best" / "knee.yaml")
report = estimate(found.space.workloads[0].model, chip)
print(f"{len(again)} trials in the file, {len(files)} chip files")
print(f"the knee takes {show(report.seconds, 's')} and {show(report.energy_joules, 'J')}")
