"""One tick of each kind of command bus; see hwsim/dram/buses.py for the rules in plain words."""

# pyright: basic
from __future__ import annotations

from hwsim.dram._kernels.choose import best_of, is_column, next_command, priority_ready, wake_at
from hwsim.dram._kernels.device import ready_at
from hwsim.dram._kernels.issue import carry_out
from hwsim.dram._kernels.jit import apart, inner
from hwsim.dram._kernels.keys import state_keys
from hwsim.dram._kernels.layout import (
    ACT2,
    ACTIVATED,
    BANK,
    CAS_RD,
    CAS_WR,
    CHOSEN,
    CHOSEN_QUEUE,
    CLOCK,
    CLOCK_OFF,
    COLUMN_BUS,
    COLUMNS,
    COMMAND,
    COMMAND_BANK,
    DRAIN_START,
    DRAIN_STOP,
    DRAINING,
    DUE,
    EDGES,
    FAR,
    FCFS,
    FINAL,
    FOLLOW,
    LANES,
    LENGTH,
    MAINTENANCE,
    NONE,
    NOTHING,
    OPEN_BY,
    OPENING,
    PER_ENTRY,
    PER_QUEUE,
    PRIORITY,
    PRIORITY_HEAD,
    PRIORITY_TAIL,
    QUEUES,
    RD,
    READS,
    REQUEST,
    RING,
    ROW_BUS,
    SCHEDULER,
    SECOND_HALF,
    SHARED,
    SPLIT,
    SYNC,
    SYNC_READ,
    SYNCED,
    SYNCED_QUEUE,
    TWO_BUSES,
    WAKE,
    WRITES,
)


@inner
def _queue_to_serve(t, s):
    """Reads or writes."""
    writes, reads = s[LENGTH + WRITES * PER_QUEUE], s[LENGTH + READS * PER_QUEUE]
    least = t[DRAIN_STOP] + 1 if s[DRAINING] != 0 else t[DRAIN_START]
    stay = writes >= least or reads == 0
    s[DRAINING] = 1 if stay else 0
    return WRITES if stay else READS


@inner
def _choose(t, s, bus):
    """The request or maintenance command to issue next: the best activated one, else maintenance, else the best."""
    for stage in range(1 if bus == ROW_BUS else 0, 2):
        queue = ACTIVATED
        if stage > 0:
            if s[PRIORITY_HEAD] != s[PRIORITY_TAIL]:
                s[COMMAND] = priority_ready(t, s, bus)
                s[COMMAND_BANK] = s[PRIORITY + (s[PRIORITY_HEAD] % RING) * 2 + 1]
                return MAINTENANCE if s[COMMAND] >= 0 else NOTHING
            queue = _queue_to_serve(t, s)
        entry = best_of(t, s, queue, bus)
        if entry >= 0:
            s[CHOSEN], s[CHOSEN_QUEUE] = entry, queue
            s[COMMAND], s[COMMAND_BANK] = next_command(t, s, entry), s[BANK + entry * PER_ENTRY]
            return REQUEST
    return NOTHING


@apart
def _second_half(t, s):
    """Choose ACT2."""
    s[CHOSEN], s[COMMAND], s[COMMAND_BANK] = s[OPENING], t[ACT2], s[BANK + s[OPENING] * PER_ENTRY]
    return SECOND_HALF


@apart
def _follow_sync(t, s):
    """Choose the column command after CAS."""
    entry = s[SYNCED]
    s[CHOSEN], s[CHOSEN_QUEUE] = entry, s[SYNCED_QUEUE]
    s[COMMAND], s[COMMAND_BANK] = s[FINAL + entry * PER_ENTRY], s[BANK + entry * PER_ENTRY]
    at = ready_at(t, s, s[COMMAND], s[COMMAND_BANK])
    if at > s[CLOCK]:
        wake_at(s, at)
        return NOTHING
    return FOLLOW


@apart
def _switch_on(t, s):
    """CAS before a column command, or ACT2 where CAS would make it late."""
    if s[OPENING] >= 0 and s[OPEN_BY] <= s[CLOCK] + 1:
        return _second_half(t, s)
    s[COMMAND] = t[CAS_RD] if s[COMMAND] == t[RD] else t[CAS_WR]
    if ready_at(t, s, s[COMMAND], s[COMMAND_BANK]) > s[CLOCK]:
        wake_at(s, s[CLOCK] + 1)
        return NOTHING
    return SYNC


@inner
def _decide(t, s, bus):
    """What to do on a command bus now. With split activates, ACT2 goes when nothing else can, or at its deadline."""
    if s[SYNCED] >= 0:
        return _follow_sync(t, s)
    if s[OPENING] >= 0 and s[OPEN_BY] <= s[CLOCK]:
        return _second_half(t, s)
    action = _choose(t, s, bus)
    if t[SPLIT] != 0:
        if action == NOTHING and s[OPENING] >= 0:
            return _second_half(t, s)
        if action == REQUEST and is_column(t, s[COMMAND]) and t[SYNC_READ] != 0 and s[CLOCK] >= s[CLOCK_OFF]:
            return _switch_on(t, s)
    return action


@apart
def _wake_for_columns(t, s):
    """Note when the column bus may have something to serve; not before the next rising edge."""
    soonest = s[CLOCK] + 1 if t[SCHEDULER] == FCFS else FAR
    for lane in range(LANES):
        soonest = min(soonest, s[WAKE + COLUMNS * LANES + lane])
    for queue in range(QUEUES):
        soonest = min(soonest, s[DUE + queue * PER_QUEUE])
    wake_at(s, max(soonest, s[CLOCK] + 1))


@inner
def use_buses(t, s, work):
    """One command on every command bus: columns before rows, and on a falling edge only rows."""
    falling = t[EDGES] == 2 and s[CLOCK] % 2 == 0
    bus = SHARED if t[TWO_BUSES] == 0 else ROW_BUS if falling else COLUMN_BUS
    while bus >= 0:
        state_keys(t, s)
        action = _decide(t, s, bus)
        if action != NOTHING:
            carry_out(t, s, work, action, bus)
        bus = ROW_BUS if bus == COLUMN_BUS else NONE
    if falling:
        _wake_for_columns(t, s)
