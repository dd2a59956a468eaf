"""Reading the data file of a paper, with every problem named by line and column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hwsim.problems import explain
from hwsim.yaml_text import FileProblems, Problem, read_yaml
from search.reproduction.paper import Paper
from workloads.errors import UserError, did_you_mean

FOLDER = Path(__file__).parent / "papers"


class PaperFileError(FileProblems):
    """All problems of a data file, one line each as ``file:line:col: key.path: what is wrong``."""


def paper_names() -> tuple[str, ...]:
    """Names of the papers that come with the program, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def paper_path(name_or_path: str) -> Path:
    """The file that a name, or a path that ends in .yaml, stands for.

    Raises:
        UserError: no paper has this name.
    """
    if name_or_path.endswith((".yaml", ".yml")):
        return Path(name_or_path)
    names = paper_names()
    name = name_or_path.replace("_", "-")
    if name not in names:
        hint = did_you_mean(name, names)
        raise UserError(f"no paper is named {name_or_path!r}{hint}; papers: {', '.join(names)}; or give a .yaml file")
    return FOLDER / f"{name}.yaml"


def load_paper(name_or_path: str) -> Paper:
    """A paper by its name ("pim-gpt"; "-" and "_" are the same) or from a file.

    Raises:
        UserError: no such paper.
        PaperFileError: the file is wrong; all problems at once.
    """
    path = paper_path(name_or_path)
    shown = path.name if path.parent == FOLDER else name_or_path
    try:
        document = read_yaml(path.read_text(encoding="utf-8"), shown)
    except FileProblems as error:
        raise PaperFileError(error.lines) from None
    except OSError as error:
        raise PaperFileError((f"{shown}: can't be read: {error.strerror}",)) from None
    except UnicodeDecodeError as error:
        raise PaperFileError((f"{shown}: not UTF-8 text (byte {error.start})",)) from None
    if not isinstance(document.data, dict):
        raise PaperFileError((f"{shown}: expected a mapping of keys to values",))
    data: dict[str, Any] = {"name": path.stem, **document.data}
    problems: tuple[Problem, ...] = document.problems
    try:
        paper = Paper.model_validate(data)
    except ValidationError as error:
        problems = (*problems, *explain(error, document, Paper))
    else:
        if not problems:
            return paper
    raise PaperFileError(tuple(document.line(one) for one in sorted(problems, key=lambda problem: problem.mark)))
