"""One tick of each kind of command bus; see hwsim/dram/buses.py for the rules in plain words."""

# pyright: basic
from __future__ import annotations

from numba import njit

from hwsim.dram._kernels.choose import best_of, priority_ready, wake_at
from hwsim.dram._kernels.device import ready_at, wake_queues
from hwsim.dram._kernels.issue import (
    activate,
    advance,
    carry_out,
    carry_out_maintenance,
    count_row,
    send,
    send_entry,
    upgrade,
)  # fmt: skip
from hwsim.dram._kernels.layout import (
    ACT,
    ACT2,
    ACTIVATED,
    BANK,
    CAS_RD,
    CAS_WR,
    CLOCK,
    CLOCK_OFF,
    CMD,
    COLUMN_BUS,
    DEADLINE,
    DRAIN_START,
    DRAIN_STOP,
    DRAINING,
    EDGE,
    EDGE_ALL,
    EDGE_BANK,
    EDGES,
    EFFECT,
    LAST_LEVEL,
    LENGTH,
    OPEN_BY,
    OPENING,
    OPENS,
    PRIORITY_HEAD,
    PRIORITY_TAIL,
    QUEUES,
    RD,
    RDA,
    READS,
    RING,
    ROW,
    ROW_BUS,
    SCOPE,
    SHARED,
    SYNC_READ,
    SYNC_WRITE,
    SYNCED,
    SYNCED_QUEUE,
    WAKE_COLUMN,
    WRITES,
)  # fmt: skip
from hwsim.dram._kernels.queues import is_column, unlink


@njit(cache=True)
def _queue_to_serve(t, s):
    """Reads or writes."""
    writes, reads = s.queue[WRITES, LENGTH], s.queue[READS, LENGTH]
    if s.reg[DRAINING]:
        stay = writes > t.setting[DRAIN_STOP] or reads == 0
    else:
        stay = writes >= t.setting[DRAIN_START] or reads == 0
    s.reg[DRAINING] = 1 if stay else 0
    return WRITES if stay else READS


@njit(cache=True)
def _pick(t, s, work, bus, active):
    """Entry, queue and maintenance command to issue next; -1 for what does not apply."""
    if active:
        entry = best_of(t, s, work, ACTIVATED, bus)
        if entry >= 0:
            return entry, ACTIVATED, -1
    if s.reg[PRIORITY_HEAD] != s.reg[PRIORITY_TAIL]:
        return -1, -1, priority_ready(t, s, bus)
    queue = _queue_to_serve(t, s)
    return best_of(t, s, work, queue, bus), queue, -1


@njit(cache=True)
def shared_tick(t, s, work):
    """One command."""
    entry, queue, maintenance = _pick(t, s, work, SHARED, True)
    if entry >= 0:
        carry_out(t, s, work, queue, entry)
    elif maintenance >= 0:
        carry_out_maintenance(t, s, maintenance)


@njit(cache=True)
def _row_bus(t, s, work):
    """A row command; notes what the falling edge has to know of it."""
    entry, queue, maintenance = _pick(t, s, work, ROW_BUS, False)
    if entry < 0 and maintenance < 0:
        return
    if maintenance >= 0:
        command, bank = maintenance, s.priority[s.reg[PRIORITY_HEAD] % RING, 1]
    else:
        command, bank = s.entry[entry, CMD], s.entry[entry, BANK]
    if t.setting[EDGES] == 2 and s.reg[CLOCK] % 2 == 1:
        s.reg[EDGE] = s.reg[CLOCK] + (3 if t.command[command, EFFECT] == OPENS else 1)
        s.reg[EDGE_BANK] = bank
        s.reg[EDGE_ALL] = 1 if t.command[command, SCOPE] < t.setting[LAST_LEVEL] else 0
    if maintenance >= 0:
        carry_out_maintenance(t, s, maintenance)
    else:
        carry_out(t, s, work, queue, entry)


@njit(cache=True)
def split_tick(t, s, work):
    """A column command, then a row command; on a falling edge only the latter."""
    if t.setting[EDGES] == 1 or s.reg[CLOCK] % 2 == 1:
        entry, queue, _ = _pick(t, s, work, COLUMN_BUS, True)
        if entry >= 0:
            carry_out(t, s, work, queue, entry)
    else:
        _wake_for_columns(s)
    _row_bus(t, s, work)


@njit(cache=True)
def _wake_for_columns(s):
    """Note when the column bus may have something to serve; not before the next rising edge."""
    for queue in range(QUEUES):
        if s.queue[queue, LENGTH] > 0:
            wake_at(s, max(s.queue[queue, WAKE_COLUMN], s.reg[CLOCK] + 1))


@njit(cache=True)
def _finish_opening(t, s, work):
    """ACT2."""
    entry = s.reg[OPENING]
    s.entry[entry, CMD] = t.named[ACT2]
    send(t, s, t.named[ACT2], s.entry[entry, BANK], s.entry[entry, ROW], -1)
    s.reg[OPENING] = -1
    activate(s, entry)
    wake_queues(s)


@njit(cache=True)
def _keep_clock(t, s, command):
    """The data clock stays on for a while after a column command."""
    read = command == t.named[RD] or command == t.named[RDA]
    on = t.setting[SYNC_READ] if read else t.setting[SYNC_WRITE]
    s.reg[CLOCK_OFF] = max(s.reg[CLOCK_OFF], s.reg[CLOCK] + on)


@njit(cache=True)
def _follow_sync(t, s, work):
    """The column command after CAS."""
    entry = s.reg[SYNCED]
    at = ready_at(t, s, s.entry[entry, CMD], s.entry[entry, BANK])
    if at > s.reg[CLOCK]:
        wake_at(s, at)
        return
    s.reg[SYNCED] = -1
    _keep_clock(t, s, s.entry[entry, CMD])
    count_row(s, entry)
    send_entry(t, s, work, entry)
    advance(t, s, work, s.reg[SYNCED_QUEUE], entry)


@njit(cache=True)
def _switch_on(t, s, work, queue, entry):
    """CAS, or ACT2 where CAS would make it late."""
    if s.reg[OPENING] >= 0 and s.reg[OPEN_BY] <= s.reg[CLOCK] + 1:
        _finish_opening(t, s, work)
        return
    command = s.entry[entry, CMD]
    read = command == t.named[RD] or command == t.named[RDA]
    sync = t.named[CAS_RD] if read else t.named[CAS_WR]
    if ready_at(t, s, sync, s.entry[entry, BANK]) > s.reg[CLOCK]:
        wake_at(s, s.reg[CLOCK] + 1)
        return
    send(t, s, sync, s.entry[entry, BANK], s.entry[entry, ROW], -1)
    s.reg[SYNCED], s.reg[SYNCED_QUEUE] = entry, queue


@njit(cache=True)
def _carry_out_split(t, s, work, queue, entry):
    """A chosen command of a device with split activates."""
    command = s.entry[entry, CMD]
    if is_column(t, command):
        if t.setting[SYNC_READ] and s.reg[CLOCK] >= s.reg[CLOCK_OFF]:
            _switch_on(t, s, work, queue, entry)
            return
        upgrade(t, s, entry)
        _keep_clock(t, s, s.entry[entry, CMD])
        count_row(s, entry)
        send_entry(t, s, work, entry)
        advance(t, s, work, queue, entry)
    elif command == t.named[ACT]:
        count_row(s, entry)
        send_entry(t, s, work, entry)
        unlink(s, queue, entry)
        s.reg[OPENING], s.reg[OPEN_BY] = entry, s.reg[CLOCK] + t.setting[DEADLINE]
        wake_queues(s)
    else:
        carry_out(t, s, work, queue, entry)


@njit(cache=True)
def split_activate_tick(t, s, work):
    """One command; ACT2 goes when nothing else can, or at its deadline."""
    if s.reg[SYNCED] >= 0:
        _follow_sync(t, s, work)
        return
    if s.reg[OPENING] >= 0 and s.reg[OPEN_BY] <= s.reg[CLOCK]:
        _finish_opening(t, s, work)
        return
    entry, queue, maintenance = _pick(t, s, work, SHARED, True)
    if entry >= 0:
        _carry_out_split(t, s, work, queue, entry)
    elif maintenance >= 0:
        carry_out_maintenance(t, s, maintenance)
    elif s.reg[OPENING] >= 0:
        _finish_opening(t, s, work)
