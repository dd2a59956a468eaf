"""Requests played through the compiled engine: the same results as ``reference.play``, some hundred times faster."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hwsim.dram._kernels import layout
from hwsim.dram.controller import WATCHDOG_TICKS
from hwsim.dram.device import Constraint, Device, require_plain_commands
from hwsim.dram.policy import REFRESH_POLICIES, ROW_POLICIES, SCHEDULERS, Policy
from hwsim.dram.requests import Commands, Integers, Outcome, Requests
from workloads.errors import UserError

_EFFECTS = {
    "open": layout.OPENS, "begin_open": layout.BEGINS, "close": layout.CLOSING, "refresh": layout.REFRESHES,
    "read": layout.COLUMN, "write": layout.COLUMN, "read_close": layout.COLUMN, "write_close": layout.COLUMN,
}  # fmt: skip
_BUSES = {"shared": layout.SHARED, "row": layout.ROW_BUS, "column": layout.COLUMN_BUS}
_NAMES = ("RD", "WR", "RDA", "WRA", "ACT", "ACT2", "PREpb", "PREab", "REFab", "REFpb", "CAS_RD", "CAS_WR")
_FOREVER = 2**62


def _used(device: Device, policy: Policy, writes: bool, reads: bool) -> set[int]:
    """Commands that can be issued; constraints on others are never looked at."""
    by_bank = policy.refresh in ("per_bank", "paired_bank")
    groups = (
        (True, ("ACT", "ACT1", "ACT2", "PREpb")),
        (reads, ("RD", "CAS_RD")),
        (writes, ("WR", "CAS_WR")),
        (reads and policy.row_policy != "open", ("RDA",)),
        (writes and policy.row_policy != "open", ("WRA",)),
        (policy.refresh == "all_bank", ("REFab", "PREab")),
        (by_bank, ("REFpb",)),
    )
    return {device.command(name) for condition, names in groups if condition for name in names} - {-1}


def _rules(device: Device, policy: Policy, used: set[int]) -> list[Constraint]:
    """Constraints that can bind, by preceding command: without those that a longer and wider one covers."""
    spans, kept = device.spans, list[Constraint]()
    rules = device.constraints + (device.corrections if policy.corrected else ())
    # Wide ones first, long ones first.
    for rule in sorted(rules, key=lambda rule: (rule.preceding, rule.following, rule.level, -rule.latency)):
        possible = rule.preceding in used and rule.following in used and rule.latency > 0
        if not possible or (rule.sibling and device.counts[rule.level] == 1):
            continue
        same = [r for r in kept if (r.preceding, r.following) == (rule.preceding, rule.following)]
        covered = any(
            other.latency >= rule.latency
            and (other.window, other.sibling) == (rule.window, rule.sibling)
            and (other.level == rule.level or (not rule.sibling and spans[other.level] >= spans[rule.level]))
            and (rule.window == 1 or spans[other.level] == spans[rule.level])
            for other in same
        )
        if not covered:
            kept.append(rule)
    return kept


def _rule_row(device: Device, rule: Constraint, slot: int) -> tuple[int, list[int]]:
    """Class of a constraint (sets one value, neighbours, or special) and its numbers in the order of the layout."""
    spans, scope = device.spans, device.commands[rule.following].scope
    area = min(rule.level, device.commands[rule.preceding].scope)
    node = area if rule.window == 1 else rule.level
    step, without = spans[node], -1
    if rule.sibling:
        area, node, step, without = rule.level - 1, rule.level, spans[rule.level], rule.level
    wide = spans[scope] >= spans[node]
    count, stride = (1, 1) if wide else (spans[node] // spans[scope], spans[scope])
    special = rule.window > 1 or rule.sibling or stride > 1
    place = layout.READY + rule.following * layout.BANK_STRIDE
    row = [scope if wide else node, place, rule.latency, count, stride, area, spans[area], step, without]
    return 2 if special else int(count > 1), [*row, rule.window, slot]


def _settings(device: Device, policy: Policy, count: int, limit: int) -> dict[int, int]:
    """Numbers of device and policy in the order of the layout."""
    pseudo = "PseudoChannel" in device.levels
    above_groups = device.levels.index("BankGroup") - 1 if "BankGroup" in device.levels else 0
    by_bank = policy.refresh in ("per_bank", "paired_bank")
    return {
        layout.BANKS: device.banks,
        layout.READ_LATENCY: device.read_latency,
        layout.EDGES: device.edges,
        layout.DEADLINE: device.activate_deadline,
        layout.SYNC_READ: device.sync_read,
        layout.SYNC_WRITE: device.sync_write,
        layout.SPLIT: int(device.activate_deadline > 0),
        layout.PAIR_SPAN: device.spans[device.levels.index("PseudoChannel")] if pseudo else device.banks,
        layout.ROUND: device.spans[above_groups],
        layout.SCHEDULER: SCHEDULERS.index(policy.scheduler),
        layout.ROW_POLICY: ROW_POLICIES.index(policy.row_policy),
        layout.CAP: policy.cap,
        layout.POSTPONE: policy.postpone,
        layout.READ_DEPTH: policy.read_depth,
        layout.WRITE_DEPTH: policy.write_depth,
        layout.DRAIN_START: policy.drain_start,
        layout.DRAIN_STOP: policy.drain_stop,
        layout.PATIENCE: policy.patience,
        layout.FAITHFUL: int(policy.faithful),
        layout.REFRESH: min(REFRESH_POLICIES.index(policy.refresh), layout.PERIODIC)
        if policy.refresh != "paired_bank"
        else layout.PAIRED,
        layout.INTERVAL: (device.refresh.per_bank if by_bank else device.refresh.all_bank) or _FOREVER,
        layout.RECOVERY: device.refresh.recovery,
        layout.REFRESH_COMMAND: device.command("REFpb" if by_bank else "REFab"),
        layout.REQUESTS: count,
        layout.LIMIT: limit,
        layout.WATCHDOG: WATCHDOG_TICKS,
        layout.TWO_BUSES: int(any(command.bus == "column" for command in device.commands)),
    }


def _part(array: Integers, start: int, rows: int, columns: int = 1) -> Integers:
    """A part of a flat array as a table that can be written to."""
    return array[start : start + rows * columns].reshape(rows, columns)


def _rule_tables(device: Device, rules: list[Constraint], table: Integers) -> None:
    """Write the constraints of every command, those that are alike together."""
    windows = [rule for rule in rules if rule.window > 1]
    rows = [(rule.preceding, *_rule_row(device, rule, windows.index(rule) if rule in windows else 0)) for rule in rules]
    rows.sort(key=lambda row: row[:2])
    start = layout.START
    _part(table, start, len(rows), layout.PER_RULE)[:] = [row for _, _, row in rows]
    groups = [(command, kind) for command, kind, _ in rows]
    for command in range(len(device.commands)):
        bounds = [sum(group < (command, kind) for group in groups) for kind in range(layout.PER_RULES)]
        place = layout.RULES_OF + command * layout.PER_RULES
        table[place : place + layout.PER_RULES] = [bound * layout.PER_RULE for bound in bounds]


def _tables(device: Device, policy: Policy, settings: dict[int, int], used: set[int]) -> Integers:
    """Everything that does not change."""
    table = np.zeros(layout.TABLE_SIZE, dtype=np.int64)
    first = _part(table, layout.FIRST, device.banks, layout.MAX_LEVELS)
    for level, span in enumerate(device.spans):
        first[:, level] = np.arange(device.banks) // span * span
    _rule_tables(device, _rules(device, policy, used), table)
    commands = device.commands
    _part(table, layout.SCOPE, len(commands), layout.PER_COMMAND)[:] = [
        (
            item.scope,
            _EFFECTS.get(item.effect, layout.OTHER),
            _BUSES[item.bus],
            int(item.closes),
            device.spans[item.scope],
            layout.READY + index * layout.BANK_STRIDE,
        )
        for index, item in enumerate(commands)
    ]
    for place, name in enumerate(_NAMES, start=layout.RD):
        table[place] = device.command(name)
    table[layout.ACT] = max(device.command("ACT"), device.command("ACT1"))
    for kind, names in enumerate((("RD", "WR"), ("ACT", "ACT"), ("PREpb", "PREpb"))):
        for lane in range(layout.LANES):
            command = table[layout.ACT] if kind == layout.ACTIVATES else device.command(names[lane % 2])
            table[layout.READY_OF_KIND + kind * layout.LANES + lane] = layout.READY + command * layout.BANK_STRIDE
    targets = _targets(device, policy)
    _part(table, layout.TARGET, layout.MAX_BANKS, layout.MAX_BANKS)[: targets.shape[0], : targets.shape[1]] = targets
    for place, value in (settings | {layout.TURNS: targets.shape[0], layout.TARGETS: targets.shape[1]}).items():
        table[place] = value
    return table


def _targets(device: Device, policy: Policy) -> Integers:
    """Banks of each refresh turn."""
    if policy.refresh == "per_bank":
        return np.arange(device.banks, dtype=np.int64)[:, None]
    scope = device.commands[device.command("REFab")].scope
    return np.arange(0, device.banks, device.spans[scope], dtype=np.int64)[None, :]


def _state(device: Device, policy: Policy) -> Integers:
    """The channel before the first tick."""
    state = np.zeros(layout.STATE_SIZE, dtype=np.int64)
    state[layout.PAST : layout.PRIORITY] = -1
    _part(state, layout.OPEN, device.banks, layout.PER_BANK)[:, 0] = -1
    entries = _part(state, layout.ID, layout.MAX_ENTRIES, layout.PER_ENTRY)
    entries[:, layout.NEXT - layout.ID] = np.arange(1, layout.MAX_ENTRIES + 1)
    _part(state, layout.HEAD, layout.QUEUES, layout.PER_QUEUE)[:] = (-1, -1, 0, layout.FAR, -1)
    state[layout.OLDEST : layout.KEY] = -1
    state[layout.KEY : layout.READY] = layout.FAR
    state[[layout.OPENING, layout.SYNCED, layout.EDGE]] = -1
    by_bank = policy.refresh in ("per_bank", "paired_bank")
    interval = device.refresh.per_bank if by_bank else device.refresh.all_bank
    state[layout.NEXT_REFRESH] = interval or _FOREVER
    return state


def _check(device: Device, policy: Policy) -> None:
    require_plain_commands(device)
    by_bank = policy.refresh in ("per_bank", "paired_bank")
    interval = device.refresh.per_bank if by_bank else device.refresh.all_bank
    command = "REFpb" if by_bank else "REFab"
    if policy.refresh != "none" and (interval is None or device.command(command) < 0):
        raise UserError(f"refresh: {device.name} has no refresh by {command}")
    limits = (
        ("banks", device.banks, layout.MAX_BANKS),
        ("levels", len(device.levels), layout.MAX_LEVELS),
        ("commands", len(device.commands), layout.MAX_COMMANDS),
        ("read_depth and write_depth", policy.read_depth + policy.write_depth + device.banks + 2, layout.MAX_ENTRIES),
    )
    for key, value, most in limits:
        if value > most:
            raise UserError(f"{device.name}: {key}: the compiled engine takes at most {most}, got {value}")
    if policy.refresh == "paired_bank" and not device.refresh.paired:
        raise UserError(f"refresh: {device.name} does not refresh pseudo channels in pairs")


def _silently() -> None:
    """Announce nothing."""


def play(
    device: Device,
    policy: Policy,
    requests: Requests,
    limit: int = _FOREVER,
    log: bool = True,
    on_compile: Callable[[], None] = _silently,
) -> Outcome:
    """Every command of the channel until all requests are complete; see ``reference.play``.

    Args:
        log: whether to keep the commands.
        on_compile: called when the engine has to be compiled first, which is once in an installation.

    Raises:
        UserError: the device can not be refreshed in the way that the policy asks for.
    """
    from hwsim.dram._kernels.jit import announcing
    from hwsim.dram._kernels.loop import run

    _check(device, policy)
    settings = _settings(device, policy, len(requests), limit) | {layout.LOGGING: int(log)}
    used = _used(device, policy, writes=bool(requests.write.any()), reads=not requests.write.all())
    tables, state = _tables(device, policy, settings, used), _state(device, policy)
    columns = (requests.time, requests.write, requests.line, requests.bank, requests.row, requests.column)
    work = np.empty((len(requests), layout.WORK_COLUMNS), dtype=np.int64)
    work[:, len(columns) :] = -1
    for index, column in enumerate(columns):
        work[:, index] = column
    parts: list[Integers] = []
    while True:
        with announcing(on_compile):
            status = run(tables, state, work)
        parts.append(_part(state, layout.LOG, int(state[layout.LOGGED]), layout.LOG_COLUMNS).copy())
        state[layout.LOGGED] = 0
        if status != layout.LOG_FULL:
            break
    return _outcome(device, state, work, np.concatenate(parts))


def _outcome(device: Device, state: Integers, work: Integers, rows: Integers) -> Outcome:
    reg = state[: layout.HEAD].tolist()
    return Outcome(
        cycles=reg[layout.CLOCK],
        arrive=work[:, layout.ARRIVE].copy(),
        depart=work[:, layout.DEPART].copy(),
        commands=Commands(*(np.ascontiguousarray(column) for column in rows.T)),
        counts=tuple(state[layout.COUNT : layout.COUNT + len(device.commands)].tolist()),
        hits=reg[layout.HITS],
        misses=reg[layout.MISSES],
        conflicts=reg[layout.CONFLICTS],
        forwarded=reg[layout.FORWARDED],
        merged=reg[layout.MERGED],
        stalled=reg[layout.DONE] < len(work),
    )
