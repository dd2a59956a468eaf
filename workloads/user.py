"""From the text a user types to a model, whatever form it has.

    llama-3-8b                   a shipped model
    matmul:m=196,n=192,k=384     an inline operator
    @ops.txt                     a file with one inline operator per line (several models)
    my_model.py:build            a function that returns (module, example inputs)
    path/config.json             a Hugging Face configuration
    path/graph.json.gz           a graph saved by ``hwsim trace``

A Python file is executed only in the fourth form, because the user named it.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import re
from pathlib import Path
from typing import Any, cast

from workloads import catalog, serialize
from workloads.errors import UserError, UserModelError, did_you_mean
from workloads.graph import OperatorGraph
from workloads.inline import is_inline, parse_inline, parse_ops_file
from workloads.inline_kinds import KINDS
from workloads.model import Model

_FUNCTION = re.compile(r"(?P<file>.+\.py):(?P<function>[A-Za-z_]\w*)")
_FORMS = "a catalog name, an inline operator, file.py:function, a config.json or a saved graph"


class MissingExtraError(UserError):
    """Tracing was asked for, but torch or transformers is not installed."""


def require_tracing() -> None:
    """Check that the optional packages for tracing are installed.

    Raises:
        MissingExtraError: naming the package and how to install it.
    """
    missing = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
    if missing:
        needed = " and ".join(missing)
        raise MissingExtraError(f'tracing needs {needed}; install the extra: pip install "hwsim[trace]"')


def open_models(text: str, allow_unknown: bool = False) -> tuple[Model, ...]:
    """The models that a text stands for: one, or for ``@file`` one per line.

    Raises:
        UserError: of the kind that says what is wrong with the text or the file.
    """
    if text.startswith("@"):
        return tuple(_fixed(graph) for _, graph in parse_ops_file(Path(text[1:])))
    return (open_model(text, allow_unknown),)


def open_model(text: str, allow_unknown: bool = False) -> Model:
    """The one model that a text stands for.

    Args:
        text: one of the forms above, except ``@file``.
        allow_unknown: whether operators without a lowering count as traffic only instead of being refused.

    Raises:
        UserError: of the kind that says what is wrong with the text or the file.
    """
    if text.startswith("@"):
        raise UserModelError(f"{text}: a list of operators is not a single model")
    if is_inline(text):
        return _fixed(parse_inline(text))
    own = _FUNCTION.fullmatch(text)
    if own:
        return _from_python(Path(own["file"]), own["function"], allow_unknown)
    if text.endswith((".json", ".json.gz")):
        return _from_file(Path(text), allow_unknown)
    if text.endswith(".py"):
        raise UserModelError(f"{text}: name the function that returns (module, example inputs), as in {text}:build")
    if ":" in text and text not in catalog.names():
        known = f"{did_you_mean(text.partition(':')[0], KINDS)}; expected {_FORMS}"
        raise UserModelError(f"cannot read the model {text!r}{known}")
    return catalog.find(text)


def _fixed(graph: OperatorGraph) -> Model:
    return Model(graph.model, (graph.phase,), lambda _phase: graph)


def _from_file(path: Path, allow_unknown: bool) -> Model:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserModelError(f"{path}: cannot read the file: {error.strerror}") from error
    if path.name.endswith(".gz"):
        return _fixed(serialize.load(data, str(path)))
    content = _json_object(path, data)
    if "model_type" in content:
        return _from_config(path, content, allow_unknown)
    return _fixed(serialize.load(data, str(path)))


def _json_object(path: Path, data: bytes) -> dict[str, Any]:
    try:
        content: object = json.loads(data)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserModelError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(content, dict) or not {"model_type", "schema"} & content.keys():
        expected = "expected a saved graph (key schema) or a Hugging Face configuration (key model_type)"
        raise UserModelError(f"{path}: {expected}")
    return cast("dict[str, Any]", content)


def _from_config(path: Path, config: dict[str, Any], allow_unknown: bool) -> Model:
    require_tracing()
    from workloads.capture import TraceError
    from workloads.hf_families import family_of
    from workloads.huggingface import config_from, trace_config

    name = path.parent.name if path.name == "config.json" and path.parent.name else path.stem
    try:
        known = config_from(config)
    except (TraceError, ArithmeticError) as error:
        raise UserModelError(f"{path}: {error}") from error

    @functools.cache
    def symbolic(phase: str) -> OperatorGraph:
        return trace_config(known, name=name, phases=(phase,), allow_unknown=allow_unknown)[phase]

    return Model(name, family_of(known).phases, symbolic)


def _from_python(path: Path, function: str, allow_unknown: bool) -> Model:
    if not path.is_file():
        raise UserModelError(f"{path}: no such file")
    require_tracing()
    from workloads.user_code import trace_function

    graph = trace_function(path, function, allow_unknown)
    return _fixed(graph)
