"""Refreshes that come due, and precharges of rows at their cap."""

# pyright: basic
from __future__ import annotations

from numba import njit

from hwsim.dram._kernels.choose import wake_at
from hwsim.dram._kernels.device import ready_at
from hwsim.dram._kernels.issue import maintain
from hwsim.dram._kernels.layout import (
    ACCESSES,
    ACTIVATED,
    ASKED,
    BANKS,
    CAP,
    CLOCK,
    INTERVAL,
    LENGTH,
    NEXT_REFRESH,
    NO_REFRESH,
    OWED,
    PAIR_NEXT,
    PAIR_SPAN,
    PERIODIC,
    POSTPONE,
    PREPB,
    PRIORITY_HEAD,
    PRIORITY_TAIL,
    READS,
    RECOVERY,
    REFRESH,
    REFRESH_COMMAND,
    ROUND,
    TARGETS,
    TURN,
    TURNS,
    WRITES,
)  # fmt: skip


@njit(cache=True)
def refresh_tick(t, s):
    """Queue the refreshes that are due at this tick."""
    kind = t.setting[REFRESH]
    if kind == NO_REFRESH:
        return
    if kind == PERIODIC:
        _periodic(t, s)
    else:
        _paired(t, s)
    wake_at(s, s.reg[NEXT_REFRESH])


@njit(cache=True)
def _idle(s):
    """Whether nothing waits."""
    waiting = s.queue[READS, LENGTH] + s.queue[WRITES, LENGTH] + s.queue[ACTIVATED, LENGTH]
    return waiting == 0 and s.reg[PRIORITY_HEAD] == s.reg[PRIORITY_TAIL]


@njit(cache=True)
def _periodic(t, s):
    """See PeriodicRefresh in hwsim/dram/policies/refresh.py."""
    if s.reg[CLOCK] == s.reg[NEXT_REFRESH]:
        s.reg[NEXT_REFRESH] += t.setting[INTERVAL]
        s.reg[OWED] += 1
    if s.reg[OWED] > t.setting[POSTPONE] or (s.reg[OWED] > 0 and _idle(s)):
        s.reg[OWED] -= 1
        turn = s.reg[TURN]
        for index in range(t.setting[TARGETS]):
            maintain(s, t.setting[REFRESH_COMMAND], t.target[turn, index])
        s.reg[TURN] = (turn + 1) % t.setting[TURNS]
        wake_at(s, s.reg[CLOCK] + 1)


@njit(cache=True)
def _serve_pair(t, s):
    """Queue the refresh of one pseudo channel; see PairedRefresh."""
    channel, span, round_banks = s.reg[PAIR_NEXT], t.setting[PAIR_SPAN], t.setting[ROUND]
    channels = t.setting[BANKS] // span
    bank = s.reg[TURN]
    maintain(s, t.setting[REFRESH_COMMAND], channel * span + bank)
    if bank % round_banks == round_banks - 1:
        s.allowed[channel, bank // round_banks] = s.reg[CLOCK] + t.setting[RECOVERY]
    s.reg[PAIR_NEXT] = channel + 1
    if channel + 1 == channels:
        s.reg[PAIR_NEXT] = 0
        s.reg[TURN] = (bank + 1) % span
    else:
        wake_at(s, s.reg[CLOCK] + 1)


@njit(cache=True)
def _paired(t, s):
    """See PairedRefresh in hwsim/dram/policies/refresh.py."""
    if s.reg[PAIR_NEXT] > 0:
        _serve_pair(t, s)
        return
    if s.reg[CLOCK] < s.reg[NEXT_REFRESH]:
        return
    stack = s.reg[TURN] // t.setting[ROUND]
    for channel in range(t.setting[BANKS] // t.setting[PAIR_SPAN]):
        if s.reg[CLOCK] < s.allowed[channel, stack]:
            s.reg[NEXT_REFRESH] = s.reg[CLOCK] + 1
            return
    _serve_pair(t, s)
    s.reg[NEXT_REFRESH] += t.setting[INTERVAL]


@njit(cache=True)
def ask_for_precharges(t, s):
    """Queue precharges of the rows that have had their accesses."""
    precharge = t.named[PREPB]
    for bank in range(t.setting[BANKS]):
        if s.bank[bank, ACCESSES] >= t.setting[CAP] and s.bank[bank, ASKED] == 0:
            at = ready_at(t, s, precharge, bank)
            if at <= s.reg[CLOCK]:
                maintain(s, precharge, bank)
                s.bank[bank, ASKED] = 1
            else:
                wake_at(s, at)
