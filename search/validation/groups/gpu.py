"""GPU kernels against measured times, as the data sheet has it and with one calibrated clock fraction per set."""

from __future__ import annotations

from functools import partial

from search.validation.case import Found, Group, Request
from search.validation.gpu_sets import SETS, MeasuredSet, calibrate, cases_of, gpu_of, samples_of

CALIBRATED = (
    "One number fitted: the clock as a fraction of boost, best on twelve of the shapes; the errors are those of all "
    "other shapes of the set."
)


def _plain(measured: MeasuredSet, request: Request) -> Found | None:
    samples = samples_of(measured, request)
    return None if samples is None else Found(cases_of(measured, samples, gpu_of(measured)))


def _calibrated(measured: MeasuredSet, request: Request) -> Found | None:
    samples = samples_of(measured, request)
    if samples is None:
        return None
    fraction, cases = calibrate(measured, samples)
    return Found(cases, f"clock fraction {fraction:.2f}")


GROUPS = (
    *(Group(f"gpu/{m.name}", m.title, partial(_plain, m), m.note) for m in SETS),
    *(
        Group(f"gpu-calibrated/{m.name}", f"{m.title}, one clock fraction", partial(_calibrated, m), CALIBRATED)
        for m in SETS
        if m.products
    ),
)
