from __future__ import annotations

from pathlib import Path

import pytest

from workloads.graph import graph_macs, operations
from workloads.inline import InlineError, parse_inline, parse_ops_file
from workloads.inline_kinds import KINDS


def test_matmul_macs_are_the_product_of_its_sizes():
    assert graph_macs(parse_inline("matmul:m=196,n=192,k=384")) == 196 * 192 * 384
    assert graph_macs(parse_inline("matmul:m=2,n=3,k=5,batch=7,bits=8")) == 2 * 3 * 5 * 7


def test_strided_padded_grouped_convolution_counts_its_output_points():
    graph = parse_inline("conv2d:n=2,c=8,h=14,w=15,k=16,r=3,s=5,stride=2,padding=1,groups=4,dilation=2")
    p, q = (14 + 2 - 5) // 2 + 1, (15 + 2 - 9) // 2 + 1
    assert graph_macs(graph) == 2 * 16 * 2 * p * q * 3 * 5


def test_attention_expands_into_two_products_and_a_softmax():
    graph = parse_inline("attention:batch=2,heads=8,kv_heads=2,queries=16,keys=16,head_dim=32,causal=1")
    (op,) = graph.segments[0].ops
    assert [part.kind for part in op.parts] == ["matmul", "softmax", "matmul"]
    assert graph_macs(graph) == 2 * 8 * (16 * 17 // 2) * 32 * 2


def test_bits_reach_every_tensor():
    assert {tensor.bits for tensor in parse_inline("layernorm:rows=4,columns=8,bits=8").tensors} == {8}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_works_with_all_sizes_one(kind: str):
    spec = KINDS[kind]
    graph = parse_inline(f"{kind}:" + ",".join(f"{key}=1" for key in spec.required))
    assert all(count >= 1 for count in operations(graph.segments[0].ops[0]).values())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("matmull:m=1", "did you mean 'matmul'"),
        ("matmul", "unknown operator|missing"),
        ("matmul:m=1,n=2", "missing k"),
        ("matmul:m=1,n=2,k=3,m=4", "'m' occurs twice"),
        ("matmul:m=0,n=2,k=3", "m must be at least 1, got 0"),
        ("matmul:m=-4,n=2,k=3", "m must be at least 1, got -4"),
        ("matmul:m=1.5,n=2,k=3", "m must be a whole number, got '1.5'"),
        ("matmul:m=²,n=2,k=3", "whole number"),
        ("matmul:m=1,n=2,k=3,bit=8", "unknown key 'bit'; did you mean 'bits'"),
        ("matmul:m=1,n=2,k=3,bits=65", "at most 64"),
        ("matmul:m=1000000,n=1000000,k=10000000", "points or elements"),
        ("matmul:m=" + "9" * 5000 + ",n=1,k=1", "absurdly large"),
        ("conv2d:n=1,c=3,h=2,w=2,k=8,r=3,s=3", "larger than the padded input"),
        ("conv2d:n=1,c=3,h=8,w=8,k=8,r=3,s=3,groups=2", "multiples of groups=2"),
        ("attention:batch=1,heads=6,kv_heads=4,queries=1,keys=8,head_dim=4", "multiple of kv_heads"),
        ("attention:batch=1,heads=6,queries=9,keys=8,head_dim=4,causal=1", "at least as many keys"),
        ("attention:batch=1,heads=1,queries=1000000000,keys=1000000000,head_dim=64", "points or elements"),
    ],
)
def test_bad_text_is_refused_with_the_reason(text: str, expected: str):
    with pytest.raises(InlineError, match=expected):
        parse_inline(text)


def test_ops_file_gives_one_graph_per_line_and_skips_comments(tmp_path: Path):
    path = tmp_path / "ops.txt"
    path.write_text("# kernels\nmatmul:m=4,n=4,k=4  # small\n\nsoftmax:rows=2,columns=8\n")
    assert [text for text, _ in parse_ops_file(path)] == ["matmul:m=4,n=4,k=4", "softmax:rows=2,columns=8"]


def test_ops_file_lists_all_bad_lines_with_their_numbers(tmp_path: Path):
    path = tmp_path / "ops.txt"
    path.write_text("matmul:m=4,n=4,k=4\nmatmul:m=4\n\nsoftmaxx:rows=2\n")
    with pytest.raises(InlineError) as caught:
        parse_ops_file(path)
    assert f"{path}:2: matmul: missing n, k" in str(caught.value)
    assert f"{path}:4:" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"# only a comment\n", b"\xff\xfe\x00"])
def test_ops_file_without_operators_is_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "ops.txt"
    path.write_bytes(content)
    with pytest.raises(InlineError, match=r"ops\.txt"):
        parse_ops_file(path)


def test_missing_ops_file_is_refused(tmp_path: Path):
    with pytest.raises(InlineError, match=r"absent\.txt"):
        parse_ops_file(tmp_path / "absent.txt")
