"""Reading a space file, with every problem named by line and column."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hwsim.config import FOLDER, chip_path
from hwsim.problems import explain
from hwsim.yaml_text import Document, FileProblems, Problem, read_yaml
from search.space import Space
from workloads.errors import UserError, did_you_mean

SPACES = FOLDER / "spaces"
MOST_PROBLEMS = 20


class SpaceFileError(FileProblems):
    """All problems of a space file, one line each as ``file:line:col: key.path: what is wrong``."""


def space_names() -> tuple[str, ...]:
    """Names of the spaces that come with the program."""
    return tuple(sorted(path.stem for path in SPACES.glob("*.yaml") if not path.stem.endswith("_base")))


def space_path(name_or_path: str | Path) -> Path:
    """The file that a space's name or path stands for.

    Raises:
        UserError: it is neither; the message lists the known names.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    shipped = SPACES / f"{path.stem}.yaml"
    by_name = path.parent in (Path(), Path("hw_configs/spaces"))
    if by_name and shipped.is_file():
        return shipped
    hint = did_you_mean(path.stem, space_names())
    raise UserError(
        f"no space is named {str(name_or_path)!r}{hint}; spaces: {', '.join(space_names())}; or give a file"
    )


def load_space(name_or_path: str | Path) -> Space:
    """A space by its name ("edge_npu") or from a file; its plug-ins are imported.

    Raises:
        UserError: no such space, or a plug-in can't be imported.
        SpaceFileError: the file is wrong; all problems at once.
    """
    path = space_path(name_or_path)
    shown = f"hw_configs/spaces/{path.name}" if path.parent == SPACES else str(name_or_path)
    try:
        document = read_yaml(path.read_text(encoding="utf-8"), shown)
    except OSError as error:
        raise SpaceFileError((f"{shown}: can't be read: {error.strerror}",)) from None
    except UnicodeDecodeError as error:
        raise SpaceFileError((f"{shown}: not UTF-8 text (byte {error.start})",)) from None
    if not isinstance(document.data, dict):
        raise SpaceFileError((f"{shown}: expected a mapping of keys to values",))
    data: dict[str, Any] = {"name": path.stem, **document.data}
    try:
        space = Space.model_validate(data)
    except ValidationError as error:
        raise _refused(document, (*document.problems, *explain(error, document, Space))) from None
    for plugin in space.plugins:
        import_plugin(plugin)
    problems = [*document.problems, *_beyond_the_schema(space, document, path)]
    if problems:
        raise _refused(document, problems)
    return space


def import_plugin(name: str) -> None:
    """Import a module that registers something.

    Raises:
        UserError: it can't be imported.
    """
    try:
        importlib.import_module(name)
    except ImportError as error:
        raise UserError(f"plugin {name!r} can't be imported: {error}") from error


def base_path(space: Space, space_file: Path) -> Path:
    """The file of the base chip: beside the space file, else a shipped chip; raises UserError."""
    beside = space_file.parent / space.base
    for path in (beside, beside.with_name(f"{beside.name}.yaml")):
        if path.is_file():
            return path
    return chip_path(space.base)


def _refused(document: Document, problems: tuple[Problem, ...] | list[Problem]) -> SpaceFileError:
    lines = list(dict.fromkeys(document.line(one) for one in sorted(problems, key=lambda problem: problem.mark)))
    more = len(lines) - MOST_PROBLEMS
    return SpaceFileError((*lines[:MOST_PROBLEMS], *([f"... and {more} more"] if more > 0 else [])))


def _beyond_the_schema(space: Space, document: Document, path: Path) -> Iterator[Problem]:
    """What needs more than the file: quantities that exist, and the ends of every parameter accepted by the chip."""
    from search.design import corner_problems
    from search.objective import QUANTITIES, quantity_names

    for part in ("objectives", "constraints"):
        for place, one in enumerate(getattr(space, part)):
            if one.quantity not in quantity_names():
                hint = did_you_mean(one.quantity, QUANTITIES)
                key = (part, place, "quantity")
                known = ", ".join(quantity_names())
                yield Problem(document.mark(key), key, f"unknown quantity {one.quantity!r}{hint}; there are {known}")
    try:
        base = base_path(space, path)
    except UserError as error:
        yield Problem(document.mark(("base",)), ("base",), str(error))
        return
    for key, message in corner_problems(space, base):
        yield Problem(document.mark(key), key, f"{message}")
