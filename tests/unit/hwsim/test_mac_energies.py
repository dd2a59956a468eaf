"""Energy of a multiply-accumulate that depends on the narrower operand."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from hwsim.config import load_chip
from hwsim.report import components
from hwsim.units.systolic_array import SystolicArraySpec
from mapper.estimate import estimate

ARRAY = {
    "kind": "systolic_array",
    "clock": "c",
    "path": ("m",),
    "rows": 2,
    "columns": 2,
    "dataflow": "os",
    "rates": {16: 1},
}


def joules_per_mac(chip: str, bits: dict[str, int]) -> float:
    report = estimate("matmul:m=64,n=64,k=64", load_chip(chip), bits=bits)
    row = next(row for row in components(report) if (row.component, row.action) == ("array", "mac"))
    return row.energy_joules / row.count


@pytest.mark.parametrize(("weight", "picojoules"), [(1, 0.4), (2, 0.4), (3, 0.345), (4, 1.5), (16, 1.5)], ids=str)
def test_the_next_listed_width_counts_and_wider_ones_take_the_plain_energy(weight: int, picojoules: float) -> None:
    bits = {"weight": weight, "input": 16, "output": 16}
    assert joules_per_mac("shiftaddllm_array", bits) == pytest.approx(picojoules * 1e-12)


def test_the_narrower_operand_decides_whichever_it_is() -> None:
    assert joules_per_mac("snn_45nm", {"weight": 32, "input": 1, "output": 32}) == pytest.approx(0.9e-12)
    assert joules_per_mac("snn_45nm", {"weight": 1, "input": 32, "output": 32}) == pytest.approx(0.9e-12)
    assert joules_per_mac("snn_45nm", {"weight": 32, "input": 32, "output": 32}) == pytest.approx(4.6e-12)


@pytest.mark.parametrize("key", ["0", "65", "wide"])
def test_a_width_that_cannot_be_is_refused(key: str) -> None:
    with pytest.raises(ValidationError, match="expected a width of 1 to 64 bits"):
        SystolicArraySpec.model_validate({**ARRAY, "mac_energies": {key: "1 pJ/op"}})


def test_widths_are_read_as_text_too() -> None:
    spec = SystolicArraySpec.model_validate({**ARRAY, "mac_energies": {"8": "1 pJ/op", 4: "0.5 pJ/op"}})
    assert spec.mac_energies == {4: 0.5e-12, 8: 1e-12}
