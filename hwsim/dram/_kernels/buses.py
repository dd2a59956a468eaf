"""One tick of each kind of command bus; see hwsim/dram/buses.py for the rules in plain words."""

# pyright: basic
from __future__ import annotations

from hwsim.dram._kernels.choose import best_of, is_column, priority_ready, wake_at
from hwsim.dram._kernels.device import ready_at
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
from hwsim.dram._kernels.jit import inner
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
    COLUMNS,
    DEADLINE,
    DRAIN_START,
    DRAIN_STOP,
    DRAINING,
    DUE,
    EDGE,
    EDGE_ALL,
    EDGE_BANK,
    EDGES,
    EFFECT,
    FCFS,
    KINDS,
    LANES,
    LENGTH,
    NONE,
    OPEN_BY,
    OPENING,
    OPENS,
    PER_COMMAND,
    PER_ENTRY,
    PER_QUEUE,
    PRIORITY,
    PRIORITY_HEAD,
    PRIORITY_TAIL,
    QUEUES,
    RD,
    RDA,
    READS,
    RING,
    ROW,
    ROW_BUS,
    SCHEDULER,
    SHARED,
    SPAN,
    SYNC_READ,
    SYNC_WRITE,
    SYNCED,
    SYNCED_QUEUE,
    WAKE,
    WRITES,
)
from hwsim.dram._kernels.queues import unlink


@inner
def _queue_to_serve(t, s):
    """Reads or writes."""
    writes, reads = s[LENGTH + WRITES * PER_QUEUE], s[LENGTH + READS * PER_QUEUE]
    least = t[DRAIN_STOP] + 1 if s[DRAINING] != 0 else t[DRAIN_START]
    stay = writes >= least or reads == 0
    s[DRAINING] = 1 if stay else 0
    return WRITES if stay else READS


@inner
def _pick(t, s, bus):
    """Entry, queue and maintenance command to issue next; NONE for what does not apply."""
    if bus != ROW_BUS:
        entry = best_of(t, s, ACTIVATED, bus)
        if entry >= 0:
            return entry, ACTIVATED, NONE
    if s[PRIORITY_HEAD] != s[PRIORITY_TAIL]:
        return NONE, NONE, priority_ready(t, s, bus)
    queue = _queue_to_serve(t, s)
    return best_of(t, s, queue, bus), queue, NONE


@inner
def shared_tick(t, s, work):
    """One command."""
    entry, queue, maintenance = _pick(t, s, SHARED)
    if entry >= 0:
        carry_out(t, s, work, queue, entry)
    elif maintenance >= 0:
        carry_out_maintenance(t, s, maintenance)


@inner
def _row_bus(t, s, work):
    """A row command; notes what the falling edge has to know of it."""
    entry, queue, maintenance = _pick(t, s, ROW_BUS)
    if entry < 0 and maintenance < 0:
        return
    if maintenance >= 0:
        command, bank = maintenance, s[PRIORITY + (s[PRIORITY_HEAD] % RING) * 2 + 1]
    else:
        command, bank = s[CMD + entry * PER_ENTRY], s[BANK + entry * PER_ENTRY]
    if t[EDGES] == 2 and s[CLOCK] % 2 == 1:
        s[EDGE] = s[CLOCK] + (3 if t[EFFECT + command * PER_COMMAND] == OPENS else 1)
        s[EDGE_BANK] = bank
        s[EDGE_ALL] = 1 if t[SPAN + command * PER_COMMAND] > 1 else 0
    if maintenance >= 0:
        carry_out_maintenance(t, s, maintenance)
    else:
        carry_out(t, s, work, queue, entry)


@inner
def split_tick(t, s, work):
    """A column command, then a row command; on a falling edge only the latter."""
    if t[EDGES] == 1 or s[CLOCK] % 2 == 1:
        entry, queue, _ = _pick(t, s, COLUMN_BUS)
        if entry >= 0:
            carry_out(t, s, work, queue, entry)
    else:
        _wake_for_columns(t, s)
    _row_bus(t, s, work)


@inner
def _wake_for_columns(t, s):
    """Note when the column bus may have something to serve; not before the next rising edge."""
    if t[SCHEDULER] == FCFS:
        wake_at(s, s[CLOCK] + 1)
    for lane in range(LANES):
        wake_at(s, max(s[WAKE + lane * KINDS + COLUMNS], s[CLOCK] + 1))
    for queue in range(QUEUES):
        wake_at(s, max(s[DUE + queue * PER_QUEUE], s[CLOCK] + 1))


@inner
def _finish_opening(t, s, work):
    """ACT2."""
    entry = s[OPENING]
    s[CMD + entry * PER_ENTRY] = t[ACT2]
    send(t, s, t[ACT2], s[BANK + entry * PER_ENTRY], s[ROW + entry * PER_ENTRY], NONE)
    s[OPENING] = -1
    activate(t, s, work, entry)


@inner
def _keep_clock(t, s, command):
    """The data clock stays on for a while after a column command."""
    read = command == t[RD] or command == t[RDA]
    on = t[SYNC_READ] if read else t[SYNC_WRITE]
    s[CLOCK_OFF] = max(s[CLOCK_OFF], s[CLOCK] + on)


@inner
def _follow_sync(t, s, work):
    """The column command after CAS."""
    entry = s[SYNCED]
    at = ready_at(t, s, s[CMD + entry * PER_ENTRY], s[BANK + entry * PER_ENTRY])
    if at > s[CLOCK]:
        wake_at(s, at)
        return
    s[SYNCED] = -1
    _keep_clock(t, s, s[CMD + entry * PER_ENTRY])
    count_row(s, entry)
    send_entry(t, s, work, entry)
    advance(t, s, work, s[SYNCED_QUEUE], entry)


@inner
def _switch_on(t, s, work, queue, entry):
    """CAS, or ACT2 where CAS would make it late."""
    if s[OPENING] >= 0 and s[OPEN_BY] <= s[CLOCK] + 1:
        _finish_opening(t, s, work)
        return
    command = s[CMD + entry * PER_ENTRY]
    read = command == t[RD] or command == t[RDA]
    sync = t[CAS_RD] if read else t[CAS_WR]
    if ready_at(t, s, sync, s[BANK + entry * PER_ENTRY]) > s[CLOCK]:
        wake_at(s, s[CLOCK] + 1)
        return
    send(t, s, sync, s[BANK + entry * PER_ENTRY], s[ROW + entry * PER_ENTRY], NONE)
    s[SYNCED], s[SYNCED_QUEUE] = entry, queue


@inner
def _carry_out_split(t, s, work, queue, entry):
    """A chosen command of a device with split activates."""
    command = s[CMD + entry * PER_ENTRY]
    if is_column(t, command):
        if t[SYNC_READ] and s[CLOCK] >= s[CLOCK_OFF]:
            _switch_on(t, s, work, queue, entry)
            return
        upgrade(t, s, entry)
        _keep_clock(t, s, s[CMD + entry * PER_ENTRY])
        count_row(s, entry)
        send_entry(t, s, work, entry)
        advance(t, s, work, queue, entry)
    elif command == t[ACT]:
        count_row(s, entry)
        send_entry(t, s, work, entry)
        unlink(t, s, work, queue, entry)
        s[OPENING], s[OPEN_BY] = entry, s[CLOCK] + t[DEADLINE]
    else:
        carry_out(t, s, work, queue, entry)


@inner
def split_activate_tick(t, s, work):
    """One command; ACT2 goes when nothing else can, or at its deadline."""
    if s[SYNCED] >= 0:
        _follow_sync(t, s, work)
        return
    if s[OPENING] >= 0 and s[OPEN_BY] <= s[CLOCK]:
        _finish_opening(t, s, work)
        return
    entry, queue, maintenance = _pick(t, s, SHARED)
    if entry >= 0:
        _carry_out_split(t, s, work, queue, entry)
    elif maintenance >= 0:
        carry_out_maintenance(t, s, maintenance)
    elif s[OPENING] >= 0:
        _finish_opening(t, s, work)
