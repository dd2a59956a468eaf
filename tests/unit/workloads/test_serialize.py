"""Saving and loading graphs: exact round trips, same bytes for the same graph, clear complaints about bad files."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.graph import Access, Family, GraphError, Loop, Op, OperatorGraph, Role, Segment, Tensor
from workloads.serialize import SerializeError, load, load_file, save, structural_hash, to_document
from workloads.symbols import ceil_divide, floor_divide, maximum, minimum, modulo, symbol

B, T = symbol("B"), symbol("T")


def sample(rows=B, weight: int = 8) -> OperatorGraph:
    tensors = (
        Tensor("x", (rows, 4), Role.INPUT),
        Tensor("w", (weight, 4), Role.WEIGHT, bits=4, shared=True),
        Tensor("y", (rows, weight), Role.OUTPUT),
    )
    op = Op(
        "fc", "linear", Family.CONTRACTION,
        loops=(Loop("m", rows), Loop("n", weight), Loop("k", 4)),
        reads=(Access("x", ((("m", 1),), (("k", 1),))), Access("w", ((("n", 1),), (("k", 2), ("n", 3))))),
        writes=(Access("y", ((("m", 1),), ())),),
        arithmetic=(("mac", 1),), params=(("mode", "T"), ("rows", rows)), source="fc (aten.linear.default)",
        active_points=rows, passes=2,
    )  # fmt: skip
    return OperatorGraph(
        "test", "forward", tensors, (Segment("fc", (op,), 3),), 32, (("layers", 3), ("name", "x")), (("a", "b", 1),)
    )


def changed(**keys: object) -> bytes:
    return json.dumps(to_document(sample()) | keys).encode()


def test_a_loaded_graph_equals_the_saved_one():
    assert load(save(sample())) == sample()


def test_equal_graphs_give_equal_bytes_without_a_time_stamp():
    assert save(sample()) == save(sample())
    assert save(sample())[4:8] == bytes(4)


def test_a_text_parameter_stays_a_text_and_a_symbol_a_symbol():
    ((_, op),) = load(save(sample())).walk()
    assert op.param("mode") == "T"
    assert op.param("rows") == B


@given(st.sampled_from([floor_divide, ceil_divide, modulo, minimum, maximum]), st.integers(2, 99), st.integers(1, 99))
def test_every_size_survives_the_round_trip(function, factor, offset):
    size = function(B * factor + T * offset, offset + 1) + B * T
    assert load(save(sample(size))) == sample(size)


def test_the_hash_ignores_names_and_sees_everything_else():
    original = sample()
    renamed = json.loads(json.dumps(to_document(original)).replace('"fc"', '"other"').replace('"x"', '"input"'))
    same = load(json.dumps(renamed | {"model": "other", "facts": {}}).encode())
    assert structural_hash(same) == structural_hash(original)
    assert structural_hash(sample(weight=9)) != structural_hash(original)
    assert structural_hash(sample(rows=T)) != structural_hash(original)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "not a saved graph"),
        (gzip.compress(b"[1, 2]", mtime=0)[:-9], "not a saved graph"),
        (b"[1]", "top: expected a mapping, got list"),
        (b"{}", "top: key 'schema' is missing"),
        (changed(schema=99), "schema: version 99 is not supported, expected 1"),
        (changed(tensors=[["x", ["B"], "wieght", 16]]), r"tensors\[0\]: 'wieght' is not a valid Role"),
        (changed(tensors=[["x", ["B**2"], "input", 16]]), r"tensors\[0\]: not a size expression"),
        (changed(segments=[{"name": "s", "count": 1}]), r"segments\[0\]: key 'ops' is missing"),
        (changed(segments=[{"name": "s", "count": "1", "ops": []}]), r"segments\[0\]\.count: expected int, got str"),
        (changed(tensors=[]), r"segments\[0\]\.ops\[0\]\.reads\[0\]: there is no tensor number 0"),
        (changed(facts={"a": [1]}), r"facts\.a: expected a number or a text"),
    ],
)
def test_a_bad_file_is_named_with_the_place_in_it(data, message):
    with pytest.raises(SerializeError, match=f"file.json: {message}"):
        load(data, "file.json")


def test_a_graph_that_contradicts_itself_is_refused():
    document = to_document(sample())
    document["tensors"][1][2] = "activation"
    with pytest.raises(GraphError, match="reads w before anything has written it"):
        load(json.dumps(document).encode())


def test_a_missing_file_is_a_clear_error(tmp_path):
    with pytest.raises(SerializeError, match="No such file"):
        load_file(tmp_path / "nothing.json.gz")
