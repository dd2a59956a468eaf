"""Designs as chip files that every command reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from hwsim.output import write_files
from hwsim.yaml_text import read_yaml
from search.design import make_design
from search.space import Space
from search.trials import Row
from workloads.errors import UserError


def chip_text(space: Space, base: str, row: Row, status: str) -> str:
    """The chip file of a trial.

    Args:
        space: the space it comes from.
        base: text of the base chip's file.
        row: the trial.
        status: what to say of it in the description.
    """
    data: dict[str, Any] = _plain(read_yaml(base, space.base).data)
    design = make_design(space, row.values)
    for path, text in design.changes:
        _put(data, path.split("."), read_yaml(text, path).data)
    data["title"] = f"{space.title}: trial {row.number}"
    data["name"] = f"{space.name}_{row.number}"
    data["description"] = (
        f"{status} Found by a search that began at {space.base}; {len(design.changes)} values changed."
    )
    cite = {
        "cite": f"proposed by a search of {space.name}",
        "status": "assumed",
        "keys": [p for p, _ in design.changes],
    }
    data["sources"] = [*data.get("sources", []), cite]
    for name, value in design.knobs:
        data["description"] += f" Evaluated with {name}={value}."
    for model in design.models:
        data["description"] += f" Evaluated with {model}."
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)


def export(space: Space, base: str, rows: list[Row], knee: int, folder: str) -> list[str]:
    """Write the chips of a front, and that of its knee once more under a name of its own; their files.

    Raises:
        UserError: the folder can't be made or written.
    """
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: can't be made: {error.strerror}") from None
    contents: dict[str, str | bytes] = {}
    for place, row in enumerate(rows):
        goals = ", ".join(f"{one.quantity} {row.outcome.quantities[one.quantity]:.6g}" for one in space.objectives)
        text = chip_text(space, base, row, f"Trial {row.number}: {goals}.")
        contents[str(target / f"{space.name}_{row.number}.yaml")] = text
        if place == knee:
            contents[str(target / "knee.yaml")] = text
    write_files(contents)
    return list(contents)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, tuple | list) else value


def _put(data: dict[Any, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        data = data.setdefault(_spelt(data, part), {})
    data[_spelt(data, path[-1])] = _plain(value)


def _spelt(data: dict[Any, Any], part: str) -> Any:
    return next((key for key in data if str(key) == part), part)
