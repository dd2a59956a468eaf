"""Refreshes that come due, and precharges of rows at their cap."""

# pyright: basic
from __future__ import annotations

from hwsim.dram._kernels.choose import wake_at
from hwsim.dram._kernels.device import ready_at
from hwsim.dram._kernels.issue import maintain
from hwsim.dram._kernels.jit import apart, inner
from hwsim.dram._kernels.layout import (
    ACCESSES,
    ACTIVATED,
    ALLOWED,
    ASKED,
    AT_CAP,
    BANKS,
    CAP,
    CLOCK,
    INTERVAL,
    LENGTH,
    MAX_BANKS,
    NEXT_REFRESH,
    NO_REFRESH,
    OWED,
    PAIR_NEXT,
    PAIR_SPAN,
    PER_BANK,
    PER_QUEUE,
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
    TARGET,
    TARGETS,
    TURN,
    TURNS,
    WRITES,
)


@inner
def refresh_tick(t, s):
    """Queue the refreshes that are due at this tick."""
    kind = t[REFRESH]
    if kind == NO_REFRESH:
        return
    if kind == PERIODIC:
        if s[CLOCK] == s[NEXT_REFRESH] or s[OWED] > 0:
            _periodic(t, s)
    else:
        _paired(t, s)
    wake_at(s, s[NEXT_REFRESH])


@inner
def _idle(s):
    """Whether nothing waits."""
    waiting = s[LENGTH + READS * PER_QUEUE] + s[LENGTH + WRITES * PER_QUEUE] + s[LENGTH + ACTIVATED * PER_QUEUE]
    return waiting == 0 and s[PRIORITY_HEAD] == s[PRIORITY_TAIL]


@apart
def _periodic(t, s):
    """See PeriodicRefresh in hwsim/dram/policies/refresh.py."""
    if s[CLOCK] == s[NEXT_REFRESH]:
        s[NEXT_REFRESH] += t[INTERVAL]
        s[OWED] += 1
    if s[OWED] > t[POSTPONE] or (s[OWED] > 0 and _idle(s)):
        s[OWED] -= 1
        turn = s[TURN]
        for index in range(t[TARGETS]):
            maintain(s, t[REFRESH_COMMAND], t[TARGET + turn * MAX_BANKS + index])
        s[TURN] = (turn + 1) % t[TURNS]
        wake_at(s, s[CLOCK] + 1)


@apart
def _serve_pair(t, s):
    """Queue the refresh of one pseudo channel; see PairedRefresh."""
    channel, span, round_banks = s[PAIR_NEXT], t[PAIR_SPAN], t[ROUND]
    channels = t[BANKS] // span
    bank = s[TURN]
    maintain(s, t[REFRESH_COMMAND], channel * span + bank)
    if bank % round_banks == round_banks - 1:
        s[ALLOWED + channel * MAX_BANKS + bank // round_banks] = s[CLOCK] + t[RECOVERY]
    s[PAIR_NEXT] = channel + 1
    if channel + 1 == channels:
        s[PAIR_NEXT] = 0
        s[TURN] = (bank + 1) % span
    else:
        wake_at(s, s[CLOCK] + 1)


@apart
def _paired(t, s):
    """See PairedRefresh in hwsim/dram/policies/refresh.py."""
    if s[PAIR_NEXT] > 0:
        _serve_pair(t, s)
        return
    if s[CLOCK] < s[NEXT_REFRESH]:
        return
    stack = s[TURN] // t[ROUND]
    for channel in range(t[BANKS] // t[PAIR_SPAN]):
        if s[CLOCK] < s[ALLOWED + channel * MAX_BANKS + stack]:
            s[NEXT_REFRESH] = s[CLOCK] + 1
            return
    _serve_pair(t, s)
    s[NEXT_REFRESH] += t[INTERVAL]


@apart
def ask_for_precharges(t, s):
    """Queue precharges of the rows that have had their accesses."""
    precharge = t[PREPB]
    for bank in range(t[BANKS]):
        if s[ACCESSES + bank * PER_BANK] >= t[CAP] and s[ASKED + bank * PER_BANK] == 0:
            at = ready_at(t, s, precharge, bank)
            if at <= s[CLOCK]:
                maintain(s, precharge, bank)
                s[ASKED + bank * PER_BANK] = 1
                s[AT_CAP] -= 1
            else:
                wake_at(s, at)
