"""Every cataloged model on three very different chips: a bounded, plausible result, or that it does not fit."""

from __future__ import annotations

import json
import math

import pytest
from click.testing import CliRunner

from hwsim.config import load_chip
from hwsim.simulation import DoesNotFitError
from mapper.estimate import Estimator, estimate_model, make_estimator
from search.commands import compare
from workloads.catalog import names
from workloads.model import Choices
from workloads.user import open_model

CHIPS = ("tpu_v4i", "a100_80gb_sxm", "eyeriss")
MUST_FIT = {"resnet-50": CHIPS, "llama-3-8b": CHIPS[:2], "llama-3-70b": CHIPS[1:2], "gpt2-xl": CHIPS}


@pytest.fixture(scope="module")
def estimators() -> dict[str, Estimator]:
    return {name: make_estimator(load_chip(name)) for name in CHIPS}


@pytest.mark.parametrize("name", names())
def test_a_cataloged_model_is_bounded_and_plausible_or_does_not_fit(
    name: str, estimators: dict[str, Estimator]
) -> None:
    model = open_model(name)
    for chip, estimator in estimators.items():
        try:
            report = estimate_model(estimator, model, Choices())
        except DoesNotFitError as error:
            assert chip not in MUST_FIT.get(name, ()), error
            assert "needs" in str(error)
            continue
        assert report.bounds.seconds <= report.seconds < math.inf
        assert report.parameters > 0 or name.startswith("gcn")
        assert report.energy_joules > 0
        tdp = estimator.chip.package.tdp
        assert tdp is None or report.average_power_watts < 1.5 * tdp
        outer = {spec.path[0] for spec in estimator.chip.units.values()}
        moved = sum(row.read_bytes + row.write_bytes for row in report.traffic if row.memory in outer)
        assert moved >= report.bounds.compulsory_bytes * (1 - 1e-9)
        assert all(0 <= row.utilization <= 1 for row in report.ops)
        assert sum(row.macs for row in report.ops) == report.macs


def test_a_key_varies_over_its_values() -> None:
    arguments = ["--models", "matmul:m=1,n=512,k=512", "--chips", "pim_gpt", "--vary", "clocks.mac=250 MHz,1 GHz"]
    result = CliRunner().invoke(compare, [*arguments, "--json", "-"], catch_exceptions=False)
    slow, fast = json.loads(result.output)["rows"]
    assert slow["chip"] == "pim_gpt clocks.mac=250 MHz" and slow["seconds"] > fast["seconds"]
    assert CliRunner().invoke(compare, [*arguments[:-1], "clocks.mac"]).exit_code == 2
