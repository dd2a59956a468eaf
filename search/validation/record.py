"""Recording errors: results on measurements as the text of ``recorded.yaml``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from search.validation.case import Errors
from search.validation.result import Result

HEADER = """\
# Errors on measurements that do not come with the program, as fractions. Written by benchmarks/gpu_error.py --record.
"""


def recorded_text(results: Iterable[Result], date: str) -> str:
    """YAML text with the errors of every result, four decimals.

    Args:
        results: computed now, not recorded ones.
        date: the day, as 2026-01-31.
    """
    data: dict[str, Any] = {}
    for result in results:
        entry: dict[str, Any] = {"measured": date, **_plain(result.errors)}
        if result.remark:
            entry["remark"] = result.remark
        if result.parts:
            entry["parts"] = {name: _plain(errors) for name, errors in result.parts.items()}
        data[result.group.name] = entry
    return HEADER + yaml.safe_dump(data, sort_keys=False, default_flow_style=None, width=120)


def _plain(errors: Errors) -> dict[str, float]:
    return {key: round(value, 4) for key, value in errors.model_dump().items()}
