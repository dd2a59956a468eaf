"""GPU kernels against measured times: from data sheets, with one clock fraction fitted, and on a GPU not looked at."""

from __future__ import annotations

from functools import partial

from search.validation.case import Found, Group, Request
from search.validation.gpu_sets import SETS, MeasuredSet, calibrate, cases_of, gpu_of, samples_of, thinned
from search.validation.transfer import changes_of, gpu_family, held_out

CALIBRATED = (
    "One number fitted: the clock as a fraction of boost, best on twelve of the shapes; the errors are those of all "
    "other shapes of the set. Which twelve matters: twelve others of the A40 set gave 8.7 % instead of 7.7 %."
)
HELD_OUT = (
    "What the model is worth on a GPU nobody looked at: the shared constants chosen again, by a coarse search, on the "
    "matrix products of the other GPUs only. The tile menu and the structure of the model have seen all GPUs. "
)
CLOCKS = {
    "rule": ("gpu-held-out", "The sustained clock is taken as given, the mean of base and boost."),
    "free": (
        "gpu-held-out-clock",
        "The sustained clock between base and boost is searched, too. Where base and boost are close it can't be told "
        "from the efficiency of the tensor cores; the T4, whose boost is 2.7 times its base, supports the mean most.",
    ),
}


def _plain(measured: MeasuredSet, request: Request) -> Found | None:
    samples = samples_of(measured, request)
    return None if samples is None else Found(cases_of(measured, thinned(samples, request), gpu_of(measured)))


def _held_out(clock: str, measured: MeasuredSet, request: Request) -> Found | None:
    samples = samples_of(measured, request)
    if samples is None:
        return None
    constants = held_out()[clock][gpu_family(measured)]
    gpu = gpu_of(measured, changes_of(measured, constants))
    remark = "constants: " + ", ".join(f"{name} {value:g}" for name, value in constants.items())
    return Found(cases_of(measured, thinned(samples, request), gpu), remark)


def _calibrated(measured: MeasuredSet, request: Request) -> Found | None:
    samples = samples_of(measured, request)
    if samples is None:
        return None
    fraction, others = calibrate(measured, samples)
    gpu = gpu_of(measured, {"clock_fraction": fraction})
    return Found(cases_of(measured, thinned(others, request), gpu), f"clock fraction {fraction:.2f}")


GROUPS = (
    *(Group(f"gpu/{m.name}", m.title, partial(_plain, m), m.note) for m in SETS),
    *(
        Group(f"gpu-calibrated/{m.name}", f"{m.title}, one clock fraction", partial(_calibrated, m), CALIBRATED)
        for m in SETS
        if m.products
    ),
    *(
        Group(f"{prefix}/{m.name}", f"{m.title}, not looked at", partial(_held_out, clock, m), HELD_OUT + note)
        for clock, (prefix, note) in CLOCKS.items()
        for m in SETS
        if m.products
    ),
)
