"""``hwsim pipeline``: which products of a model share an FPGA at a time, how wide each is, how deep its FIFOs are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mapper.choices import size_option

if TYPE_CHECKING:
    from mapper.fpga.problem import Plan

EXACT_TASKS = 8
"""Tasks up to which the integer program is solved; longer chains get the heuristic."""


@click.command()
@click.argument("model", metavar="MODEL")
@click.option("--board", "board_name", default="u280", show_default=True, metavar="NAME", help="Board to build it on.")
@click.option("--phase", metavar="PHASE", help="forward, prefill or decode. [default: the model's]")
@size_option("--batch", text="Independent sequences or images.", default=1)
@size_option("--context", text="Tokens. [default: 2048 for LMs]")
@size_option("--dsp", text="Slices to use at most. [default: all]")
@size_option("--macs-per-dsp", "packed", text="Products that share a slice.", default=2)
@click.option("--memory", metavar="SIZE", help="On-chip memory to use at most, as in 512 KiB. [default: all]")
@click.option("--clock", default="300 MHz", show_default=True, metavar="F", help="Clock of the design.")
@click.option("--switch", default="20 ns", show_default=True, metavar="T", help="Time between two groups.")
def pipeline(
    model: str,
    board_name: str,
    phase: str | None,
    batch: int,
    context: int | None,
    dsp: int | None,
    packed: int,
    memory: str | None,
    clock: str,
    switch: str,
) -> None:
    """Plan a design for a model's products: groups that run side by side, and the style that they amount to."""
    from hwsim.fpga.boards import board_named
    from hwsim.quantity import parse
    from mapper.fpga.chain import budget_of, chain_of
    from mapper.fpga.optimal import heuristic_plan, optimal_plan
    from workloads.errors import UserError
    from workloads.model import Choices, bind_model
    from workloads.user import open_model

    try:
        hertz, seconds = parse(clock, "Hz"), parse(switch, "s")
        room = None if memory is None else int(parse(memory, "B"))
    except ValueError as error:
        raise UserError(f"--clock, --switch or --memory: {error}") from error
    tasks = chain_of(bind_model(open_model(model), phase, Choices(batch, context)))
    budget = budget_of(board_named(board_name), hertz, packed, seconds, dsp, room)
    exact = len(tasks) <= EXACT_TASKS
    _print((optimal_plan if exact else heuristic_plan)(tasks, budget), hertz, exact)


def _print(plan: Plan, hertz: float, exact: bool) -> None:
    from hwsim.quantity import show
    from mapper.fpga.problem import group_cycles, stages_of, task_cycles
    from workloads.table import print_table

    rows: list[tuple[str, ...]] = []
    for number, group in enumerate(plan.groups, start=1):
        depths = {fifo.name.partition(" > ")[0]: fifo.depth for fifo in stages_of(group).fifos}
        for place, (work, lanes) in enumerate(group):
            depth = depths.get(work.name)
            whole = f"{group_cycles(group):,}" if not place else ""
            fifo = "" if depth is None else f"{depth:,}"
            rows.append((str(number), f"{lanes:,}", f"{task_cycles(work, lanes):,}", whole, fifo, work.name))
    how = "best plan of the integer program" if exact else "heuristic"
    caption = f"{plan.style}: {plan.cycles:,} cycles, {show(plan.cycles / hertz, 's')} ({how}); repeated blocks once."
    print_table(("group", "lanes", "cycles", "of group", "FIFO", "product"), rows, (0, 1, 2, 3, 4), caption)
