# %% [markdown]
# # First estimate
# A model, a chip, a schedule, a report: what limits Llama-3-8B when it writes one token on a TPU v4i?
# (The same is in 01_first_estimate.ipynb; as a script: `python notebooks/01_first_estimate.py`.)

# %%
import hwsim
import mapper
import workloads
from hwsim.quantity import show
from hwsim.report import components

graph = workloads.load(
    "llama-3-8b", phase="decode", batch=1, context=2048, bits={"weight": 8, "activation": 8, "state": 8}
)
chip = hwsim.load_chip("tpu_v4i")
report = hwsim.simulate(graph, mapper.map_graph(graph, chip), chip)
print(f"{show(report.seconds, 's')} per token, {report.throughput:.1f} tokens/s, {show(report.energy_joules, 'J')}")

# %% [markdown]
# The roofline says how fast any schedule could be; here the weights must cross the memory interface once per token.

# %%
bounds = report.bounds
print(f"compute bound {show(bounds.compute_seconds, 's')}, memory bound {show(bounds.memory_seconds, 's')}")
print(f"this schedule takes {report.seconds / bounds.seconds:.2f} times the larger one")

# %% [markdown]
# Where does the energy go? The total is the sum of these rows.

# %%
for row in components(report)[:5]:
    print(f"{row.component:8s} {row.action:20s} {show(row.energy_joules, 'J'):>10s}")

# %% [markdown]
# A larger batch reads the weights once for all sequences: throughput grows until the arrays, not the memory, are busy.

# %%
for batch in (1, 4, 16, 64):
    graph = workloads.load(
        "llama-3-8b", phase="decode", batch=batch, context=128, bits={"weight": 8, "activation": 8, "state": 8}
    )
    report = hwsim.simulate(graph, mapper.map_graph(graph, chip), chip)
    print(f"batch {batch:3d}: {report.throughput:8.0f} tokens/s, {show(report.energy_joules / batch, 'J')} per token")
