# %% [markdown]
# # Mapping, and the scratchpad
# A chip is as fast as its mapping lets it be. First one operator: how its loops are cut, ordered and spread over the
# array, and what it means that a mapping is *proven* optimal. Then a whole network: in what order its operators run
# and what stays on chip.

# %%
import hwsim
import workloads
from hwsim.quantity import show
from hwsim.simulation import play_schedule
from mapper.estimate import make_estimator
from mapper.explain_nest import nest_lines
from mapper.explain_op import explain_operator
from mapper.graph import map_with
from workloads.inline import parse_inline

layer = parse_inline("matmul:m=196,n=192,k=384,bits=8")
chip = hwsim.load_chip("gemmini")
estimator = make_estimator(chip, cached=False)
schedule = map_with(estimator.search, layer)
detail = explain_operator(layer, schedule, play_schedule(layer, schedule, chip), 0)
print("\n".join(nest_lines(detail.levels, detail.innermost, detail.time.unit)))
print(f"\n{show(detail.time.seconds, 's')} at {detail.utilization:.1%} of the peak; {detail.proof}")

# %% [markdown]
# Read it from the outside in: each memory holds the tiles named beside it while the loops below it run. The fast
# mapper is a heuristic. The optimal one searches the whole space with lower bounds that rule out most of it, and
# says what it has proven. Which mapping is best depends on what one asks for. (The proof is for the cost model of
# docs/mapping.md. The simulator then plays the mapping tile by tile, which differs by tenths of a percent, so that
# an equally good one may come out ahead.)

# %%
for mapping in ("fast", "optimal"):
    for objective in ("latency", "energy"):
        found = make_estimator(chip, mapping, objective, cached=False).report(layer)
        print(
            f"{mapping:8s} {objective:8s} {show(found.seconds, 's'):>9s} {show(found.energy_joules, 'J'):>9s}"
            f"  {found.ops[0].proof}"
        )

# %% [markdown]
# ## The scratchpad
# Between operators, tensors can stay on chip. Which ones, at which address, and in what order should the operators
# run? COSMA asks this as an integer program; here it is solved by a bound that ignores addresses and a placement
# that meets it. The problem of ResNet-50 with 8 bits: an operator at a time, everything it touches must be in the
# scratchpad.

# %%
from mapper.pieces import pieces_of
from mapper.scratchpad.adapt import problem_of
from mapper.scratchpad.baselines import baseline
from mapper.scratchpad.peak import budgets, minimum_peak, with_capacity
from mapper.scratchpad.solve import solve
from workloads.unfold import unfold

bits = dict.fromkeys(("weight", "activation", "input", "output", "state"), 8)
network = unfold(workloads.load("resnet-50", bits=bits))
machine = make_estimator(hwsim.load_chip("hw_configs/spaces/edge_npu_base.yaml"), cached=False).search.machine
problem = problem_of(network, machine, pieces_of(network, machine), "scratchpad").problem
least, most, middle = budgets(problem)
print(
    f"{len(problem.operators)} operators; the hungriest needs {least:,} B, nothing is ever spilled from {most:,} B on"
)

# %% [markdown]
# The default order with Belady's replacement is what a compiler would do. The plan is proven: no order, no choice of
# spills and no addresses move fewer bytes.

# %%
order = tuple(range(len(problem.operators)))
for capacity in (least, middle, most):
    task = with_capacity(problem, capacity)
    plan = solve(task)
    usual = baseline(task, order, "belady").extra_bytes
    proven = "proven" if plan.proven else f"bound {plan.bound:,} B"
    print(f"{capacity:>10,} B: {plan.extra_bytes:>10,} B extra ({proven}), by the usual way {usual:,} B")

# %% [markdown]
# The plan as a picture: time to the right, addresses upwards, a box for every tensor while it is there.

# %%
from matplotlib.figure import Figure

plan = solve(with_capacity(problem, least))
figure = Figure(figsize=(9, 3.5), layout="constrained")
axes = figure.subplots()
colors = ("#0072B2", "#E69F00", "#009E73", "#56B4E9", "#CC79A7")
for number, run in enumerate(plan.residencies):
    size = problem.buffers[run.buffer].size
    axes.broken_barh(
        [(run.first, run.last + 1 - run.first)], (run.address / 1e3, size / 1e3),
        facecolor=colors[number % len(colors)], edgecolor="white", linewidth=0.5,
    )  # fmt: skip
axes.set(xlabel="step", ylabel="address (kB)", title=f"ResNet-50 in {least / 1e3:,.0f} kB", xlim=(0, len(plan.order)))
axes.axhline(least / 1e3, color="black", linewidth=0.8)
figure

# %% [markdown]
# `hwsim estimate resnet-50 --chip ... --residency optimal` uses such plans, and the timeline shows their transfers.
# The least memory for which nothing is spilled is itself a question of order:

# %%
peak, calm = minimum_peak(problem)
moved = sum(1 for place, operator in enumerate(calm) if place != operator)
print(f"{peak:,} B with the best order, in which {moved} of {len(calm)} operators run at another time than by default")
