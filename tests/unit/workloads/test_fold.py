"""Folding: which repeats become one segment, and which may not."""

from __future__ import annotations

from dataclasses import replace

from workloads.fold import fold
from workloads.graph import Access, Family, Loop, Op, Role, Tensor

SIZE = 8


def op(source: str, reads: list[str], write: str, kind: str = "add", name: str | None = None) -> Op:
    index = ((("i", 1),),)
    return Op(
        name or f"{source}.{write}", kind, Family.POINTWISE, (Loop("i", SIZE),),
        tuple(Access(tensor, index) for tensor in reads), (Access(write, index),), source=f"{source} (test)",
    )  # fmt: skip


def network(ops: list[Op]):
    written = {access.tensor for item in ops for access in item.writes}
    tensors: dict[str, Tensor] = {}
    for item in ops:
        for access in (*item.reads, *item.writes):
            role = Role.ACTIVATION if access.tensor in written else Role.INPUT
            role = Role.WEIGHT if access.tensor.startswith("w") else role
            tensors[access.tensor] = Tensor(access.tensor, (SIZE,), role)
    return tuple(ops), tensors


def chain(kinds: str) -> list[Op]:
    """Layers in a row, one operator of the given kind each, with a weight of its own."""
    return [op(f"layers.{i}", [f"h{i - 1}" if i else "x", f"w{i}"], f"h{i}", kind) for i, kind in enumerate(kinds)]


def shape(ops: list[Op]) -> list[tuple[int, str]]:
    segments, _ = fold(network(ops))
    return [(segment.count, "".join(item.kind for item in segment.ops)) for segment in segments]


def test_a_run_of_equal_layers_is_one_segment():
    assert shape(chain("aaaa")) == [(4, "a")]


def test_a_pattern_of_layers_is_one_segment():
    assert shape(chain("abababab")) == [(4, "ab")]
    assert shape(chain("aabaabaabaa")) == [(3, "aab"), (2, "a")]


def test_what_does_not_repeat_stays_as_it_is():
    assert shape(chain("abc")) == [(1, "abc")]


def test_later_readers_of_the_last_layer_read_the_first_ones_name():
    segments, tensors = fold(network([*chain("aaa"), op("head", ["h2"], "y", "z")]))
    assert [segment.count for segment in segments] == [3, 1]
    assert segments[1].ops[0].reads[0].tensor == "h0"
    assert set(tensors) == {"x", "w0", "h0", "y"}


def test_a_tensor_read_by_all_layers_is_shared_and_own_weights_are_not():
    layers = [replace(item, reads=(*item.reads, Access("table", ((("i", 1),),)))) for item in chain("aaa")]
    _, tensors = fold(network(layers))
    assert tensors["table"].shared
    assert not tensors["w0"].shared


def test_a_tied_weight_is_shared():
    layers = [op(f"layers.{i}", [f"h{i - 1}" if i else "x", "w"], f"h{i}") for i in range(3)]
    _, tensors = fold(network(layers))
    assert tensors["w"].shared


def test_a_result_that_skips_over_layers_forbids_folding():
    skipping = [*chain("aaa"), op("head", ["h2", "h0"], "y", "z")]
    assert (3, "a") not in shape(skipping)


def test_layers_side_by_side_are_not_a_loop():
    parallel = [op(f"layers.{i}", [f"x{i}"], f"h{i}", "a") for i in range(3)]
    segments, _ = fold(network([op("", [f"u{i}"], f"x{i}", "p") for i in range(3)] + parallel))
    assert all(segment.count == 1 for segment in segments)
