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
    """Operators with their tensors: what is not written is an input or weight, what is not read an output."""
    written = {access.tensor for item in ops for access in item.writes}
    read = {access.tensor for item in ops for access in item.reads}
    tensors: dict[str, Tensor] = {}
    for item in ops:
        for access in (*item.reads, *item.writes):
            role = Role.ACTIVATION if access.tensor in written else Role.INPUT
            role = Role.WEIGHT if access.tensor.startswith("w") else role
            role = role if access.tensor in read else Role.OUTPUT
            tensors[access.tensor] = Tensor(access.tensor, (SIZE,), role)
    return tuple(ops), tensors


EMBED = op("embed", ["tokens"], "x", "e")


def chain(kinds: str) -> list[Op]:
    """Layers in a row behind an embedding, one operator of the given kind each, with a weight of its own."""
    layers = [op(f"layers.{i}", [f"h{i - 1}" if i else "x", f"w{i}"], f"h{i}", kind) for i, kind in enumerate(kinds)]
    return [EMBED, *layers]


def shape(ops: list[Op]) -> list[tuple[int, str]]:
    """Counts and kinds of the segments behind the embedding."""
    segments, _ = fold(network(ops))
    kinds = [(segment.count, "".join(item.kind for item in segment.ops)) for segment in segments]
    return [(count, text.removeprefix("e")) for count, text in kinds if text != "e"]


def test_a_run_of_equal_layers_is_one_segment():
    assert shape(chain("aaaa")) == [(4, "a")]


def test_a_pattern_of_layers_is_one_segment():
    assert shape(chain("abababab")) == [(4, "ab")]
    assert shape(chain("aabaabaabaa")) == [(3, "aab"), (2, "a")]


def test_what_does_not_repeat_stays_as_it_is():
    assert shape(chain("abc")) == [(1, "abc")]


def test_later_readers_of_the_last_layer_read_the_first_ones_name():
    segments, tensors = fold(network([*chain("aaa"), op("head", ["h2"], "y", "z")]))
    assert [segment.count for segment in segments] == [1, 3, 1]
    assert segments[2].ops[0].reads[0].tensor == "h0"
    assert set(tensors) == {"tokens", "x", "w0", "h0", "y"}


def test_a_tensor_read_by_all_layers_is_shared_and_own_weights_are_not():
    layers = [replace(item, reads=(*item.reads, Access("table", ((("i", 1),),)))) for item in chain("aaa")]
    _, tensors = fold(network(layers))
    assert tensors["table"].shared
    assert not tensors["w0"].shared


def test_a_tied_weight_is_shared():
    layers = [op(f"layers.{i}", [f"h{i - 1}" if i else "x", "w"], f"h{i}") for i in range(3)]
    _, tensors = fold(network([EMBED, *layers]))
    assert tensors["w"].shared


def test_a_result_that_skips_over_layers_forbids_folding():
    skipping = [*chain("aaa"), op("head", ["h2", "h0"], "y", "z")]
    assert (3, "a") not in shape(skipping)


def test_the_first_layer_stays_apart_where_it_reads_the_networks_input():
    """Folded, the input would count once per layer."""
    assert shape(chain("aaaa")[1:]) == [(1, "a"), (3, "a")]


def test_layers_that_hand_on_two_activations_stay_apart():
    """A cell reads the result of the one before and of the one before that; which is which is lost in folding."""
    cells = [op(f"cells.{i}", [f"h{i - 1}" if i else "x", f"h{i - 2}" if i > 1 else "x"], f"h{i}") for i in range(8)]
    segments, _ = fold(network([EMBED, *cells]))
    assert all(segment.count == 1 for segment in segments)


def test_layers_side_by_side_are_not_a_loop():
    parallel = [op(f"layers.{i}", [f"x{i}"], f"h{i}", "a") for i in range(3)]
    segments, _ = fold(network([op("", [f"u{i}"], f"x{i}", "p") for i in range(3)] + parallel))
    assert all(segment.count == 1 for segment in segments)
