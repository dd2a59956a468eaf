"""The GPU unit: what a data sheet promises, and what no GPU can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hwsim.chip import Chip
from hwsim.units.base import Kernel, KernelUnit
from hwsim.units.gpu import Gpu, GpuSpec
from hwsim.units.registry import build_unit
from workloads.bind import bind
from workloads.graph import Family, Loop, Op, OperatorGraph, Tensor, macs, points
from workloads.inline import parse_inline

BANDWIDTH = 2e12
UNIT: dict[str, Any] = {
    "kind": "gpu", "clock": "sm", "path": ("hbm",), "sms": 100, "base_clock": "1 GHz", "boost_clock": "1.4 GHz",
    "tensor": {"16": 2048, "8": 4096}, "vector": {"32": 128, "16": 512}, "l2_size": "40 MB", "shared_memory": "164 KiB",
}  # fmt: skip


def gpu(**fields: Any) -> Gpu:
    bandwidth = fields.pop("bandwidth", "2000 GB/s")
    memory = {"kind": "dram", "size": "80 GB", **({"bandwidth": bandwidth} if bandwidth else {})}
    chip = Chip.model_validate(
        {
            "title": "test", "technology": {"node": "7 nm"}, "clock": "sm", "clocks": {"sm": "1.4 GHz"},
            "memories": {"hbm": memory},
            "units": {"gpu": {**UNIT, **fields}},
        }
    )  # fmt: skip
    built = build_unit("gpu", chip)
    assert isinstance(built, Gpu)
    return built


def operator(text: str) -> tuple[Op, Mapping[str, Tensor]]:
    graph = bind(parse_inline(text))
    ((_, op),) = graph.walk()
    return op, graph.by_name


def run(text: str, **fields: Any) -> Kernel:
    return gpu(**fields).kernel(*operator(text))


def read_bytes(kernel: Kernel) -> float:
    return dict(kernel.reads_bytes)["hbm"]


def mac_count(kernel: Kernel) -> float:
    return sum(action.count for action in kernel.actions if action.action == "mac")


def test_it_takes_whole_kernels() -> None:
    assert isinstance(gpu(), KernelUnit)


SIZES = st.integers(min_value=1, max_value=3000)


@settings(max_examples=60, deadline=None)
@given(m=SIZES, n=SIZES, k=SIZES, bits=st.sampled_from([8, 16]))
def test_a_product_is_never_faster_than_its_roofline(m: int, n: int, k: int, bits: int) -> None:
    unit, (op, tensors) = gpu(), operator(f"matmul:m={m},n={n},k={k},bits={bits}")
    kernel = unit.kernel(op, tensors)
    compulsory = (m * k + k * n + m * n) * bits / 8
    assert kernel.seconds >= points(op) / unit.peak_operations(op, tensors)
    assert kernel.seconds >= compulsory / BANDWIDTH
    assert read_bytes(kernel) >= (m * k + k * n) * bits / 8
    assert dict(kernel.writes_bytes)["hbm"] == m * n * bits / 8
    assert mac_count(kernel) == macs(op)


@settings(max_examples=40, deadline=None)
@given(m=SIZES, n=SIZES, k=SIZES)
def test_better_hardware_is_never_slower(m: int, n: int, k: int) -> None:
    text = f"matmul:m={m},n={n},k={k}"
    slow = run(text).seconds
    for better in ({"bandwidth": "4000 GB/s"}, {"clock_fraction": 1.0}, {"tensor": {16: 4096}}, {"l2_size": "80 MB"}):
        assert run(text, **better).seconds <= slow * (1 + 1e-9), better


def test_one_tile_more_than_a_full_wave_starts_another() -> None:
    one_kernel: dict[str, Any] = {"tiles": ((128, 64, 32),), "fluid_share": 0.0, "split_minimum": 10**6}
    full, more = (run(f"matmul:m={m},n=128,k=8192", **one_kernel) for m in (6400, 6401))
    assert "1 waves" in full.note
    assert "2 waves" in more.note
    assert more.seconds > 1.5 * full.seconds


def test_few_tiles_are_split_along_k() -> None:
    split = run("matmul:m=64,n=256,k=65536")
    assert "split 1," not in split.note
    only = run("matmul:m=64,n=256,k=65536", split_minimum=10**9)
    assert split.seconds < only.seconds / 2


def test_launches_are_not_part_of_the_kernel_time() -> None:
    plain, eager = run("gelu:elements=1000"), run("gelu:elements=1000", launch_overhead="5 us", host_overhead="20 us")
    assert plain.overhead_seconds == pytest.approx(3e-6)
    assert eager.overhead_seconds == pytest.approx(25e-6)
    assert eager.seconds == plain.seconds


def test_an_odd_width_runs_at_the_next_wider_rate() -> None:
    unit = gpu()
    peaks = [unit.peak_operations(*operator(f"matmul:m=512,n=512,k=512,bits={bits}")) for bits in (8, 12, 16, 32)]
    assert peaks == [100 * 1.4e9 * rate / 2 for rate in (4096, 2048, 2048, 128)]


def test_operands_wider_than_any_listed_are_refused() -> None:
    reason = gpu().refuses(*operator("matmul:m=8,n=8,k=8,bits=64"))
    assert reason is not None
    assert "64 bits" in reason
    assert "32" in reason
    assert gpu().refuses(*operator("softmax:rows=8,columns=8")) is None


def test_an_attention_that_was_never_expanded_is_refused() -> None:
    graph = parse_inline("attention:batch=1,heads=4,kv_heads=4,queries=8,keys=8,head_dim=64")
    ((_, op),) = graph.walk()
    reason = gpu().refuses(replace(op, parts=()), graph.by_name)
    assert reason is not None
    assert "bind the graph first" in reason


def test_unlimited_bandwidth_leaves_latency_only() -> None:
    for text in ("matmul:m=512,n=512,k=512", "gelu:elements=10000000", "matmul:m=1,n=4096,k=4096"):
        assert run(text, bandwidth=None).memory_seconds <= run(text).memory_seconds
    assert run("gelu:elements=10000000", bandwidth=None).memory_seconds == pytest.approx(0.7e-6)


def test_narrow_weights_speed_up_a_matrix_vector_product() -> None:
    op, tensors = operator("matmul:m=1,n=8192,k=8192")
    narrow = {**tensors, "weight": Tensor("weight", tensors["weight"].shape, tensors["weight"].role, 4)}
    wide_kernel, narrow_kernel = gpu().kernel(op, tensors), gpu().kernel(op, narrow)
    assert narrow_kernel.seconds < 0.35 * wide_kernel.seconds
    assert read_bytes(narrow_kernel) == 8192 * 8192 / 2 + 8192 * 2


def test_decoding_reads_keys_and_values_once_for_all_heads_of_a_group() -> None:
    grouped = run("attention:batch=8,heads=32,kv_heads=8,queries=1,keys=8192,head_dim=128")
    single = run("attention:batch=8,heads=32,kv_heads=32,queries=1,keys=8192,head_dim=128")
    cache = 2 * 8 * 8192 * 8 * 128 * 2
    assert cache <= read_bytes(grouped) < 1.01 * cache
    assert read_bytes(single) > 3.9 * cache
    assert grouped.memory_seconds > grouped.compute_seconds


def test_causal_attention_costs_about_half() -> None:
    text = "attention:batch=1,heads=32,kv_heads=32,queries=8192,keys=8192,head_dim=128"
    full, causal = run(text), run(f"{text},causal=1")
    assert causal.compute_seconds == pytest.approx(full.compute_seconds / 2, rel=0.02)


def test_unfused_attention_writes_its_scores() -> None:
    text = "attention:batch=1,heads=32,kv_heads=32,queries=2048,keys=2048,head_dim=128"
    fused, parts = run(text), run(text, flash_attention=False)
    scores = 32 * 2048 * 2048 * 2
    assert dict(fused.writes_bytes)["hbm"] == 32 * 2048 * 128 * 2
    assert dict(parts.writes_bytes)["hbm"] == 2 * scores + 32 * 2048 * 128 * 2
    assert parts.seconds > fused.seconds
    assert parts.overhead_seconds == pytest.approx(3 * fused.overhead_seconds)
    assert mac_count(parts) == mac_count(fused) == 2 * 32 * 2048 * 2048 * 128


@pytest.mark.parametrize("variant", ["absorbed", "expanded"])
def test_latent_attention_reads_its_cache_once(variant: str) -> None:
    from workloads.graph import Access, Role, Segment
    from workloads.latent_attention import choose_mla

    heads, keys, latent, nope, rope, value = 16, 4096, 512, 128, 64, 96
    shapes = {"q": (1, 1, heads, nope + rope), "latent": (1, keys, latent), "rope": (1, keys, rope)}
    shapes |= {"kv_b": (heads * (nope + value), latent)}
    roles = (Role.INPUT, Role.STATE, Role.STATE, Role.WEIGHT)
    tensors = [Tensor(name, shape, role) for (name, shape), role in zip(shapes.items(), roles, strict=True)]
    tensors.append(Tensor("y", (1, 1, heads, value), Role.OUTPUT))
    sizes = {"batch": 1, "queries": 1, "keys": keys, "heads": heads, "nope_dim": nope, "rope_dim": rope}
    sizes |= {"value_dim": value, "latent_dim": latent}
    reads = tuple(Access(name, ()) for name in shapes)
    node = Op(
        "mla", "mla_attention", Family.CONTRACTION, (), reads, (Access("y", ()),), (), tuple(sorted(sizes.items()))
    )
    graph = OperatorGraph("mla", "decode", tuple(tensors), (Segment("all", (node,)),))
    bound = bind(choose_mla(graph, variant))
    ((_, op),) = bound.walk()
    kernel = gpu().kernel(op, bound.by_name)
    assert mac_count(kernel) == macs(op)
    cache, expanded = keys * (latent + rope) * 2, 2 * keys * heads * (nope + value) * 2
    assert kernel.overhead_seconds == pytest.approx(3 * 3e-6)
    if variant == "absorbed":
        once = cache + heads * (nope + value) * latent * 2
        assert once < read_bytes(kernel) < 1.01 * once
    else:
        assert read_bytes(kernel) > expanded / 2 + cache


def experts(tokens: int) -> tuple[Op, Mapping[str, Tensor]]:
    from workloads.graph import Access, Role, Segment

    sizes = {"experts": 16, "ffn": 512, "hidden": 1024, "tokens": tokens, "top_k": 2}
    shapes = {"x": (tokens, 1024), "router": (tokens, 2), "up": (16, 1024, 1024), "down": (16, 1024, 512)}
    roles = (Role.INPUT, Role.INPUT, Role.WEIGHT, Role.WEIGHT)
    tensors = [Tensor(name, shape, role) for (name, shape), role in zip(shapes.items(), roles, strict=True)]
    tensors.append(Tensor("y", (tokens, 1024), Role.OUTPUT))
    reads, write = tuple(Access(name, ()) for name in shapes), Access("y", ())
    params = tuple(sorted({**sizes, "gated": "yes", "activation": "silu"}.items()))
    node = Op("experts", "experts", Family.CONTRACTION, (), reads, (write,), (), params)
    graph = bind(OperatorGraph("moe", "forward", tuple(tensors), (Segment("all", (node,)),)))
    ((_, op),) = graph.walk()
    return op, graph.by_name


def test_experts_share_launches_and_read_busy_weights_only() -> None:
    op, tensors = experts(tokens=3)
    kernel = gpu().kernel(op, tensors)
    assert kernel.overhead_seconds == pytest.approx(5 * 3e-6)
    assert mac_count(kernel) == macs(op)
    weights = 6 * (1024 * 1024 + 1024 * 512) * 2
    assert weights < read_bytes(kernel) < 1.05 * weights


def test_unequal_experts_wait_for_their_waves_together() -> None:
    op, tensors = experts(tokens=333)
    assert len(op.parts) == 7
    assert gpu().kernel(op, tensors).overhead_seconds == pytest.approx(5 * 3e-6)
    assert mac_count(gpu().kernel(op, tensors)) == macs(op)


def test_a_long_softmax_row_is_read_again() -> None:
    short, middle, long = (read_bytes(run(f"softmax:rows=64,columns={n}")) for n in (1024, 4096, 8192))
    assert (short, middle, long) == (64 * 1024 * 2, 2 * 64 * 4096 * 2, 3 * 64 * 8192 * 2)


def test_a_convolution_reads_its_input_and_not_the_unfolded_matrix() -> None:
    kernel = run("conv2d:n=1,c=64,h=56,w=56,k=64,r=3,s=3,padding=1")
    assert read_bytes(kernel) == (64 * 56 * 56 + 64 * 64 * 9) * 2
    assert mac_count(kernel) == 64 * 64 * 9 * 56 * 56


def test_three_channels_cost_as_much_as_eight() -> None:
    three, eight = (run(f"conv2d:n=32,c={c},h=224,w=224,k=64,r=7,s=7") for c in (3, 8))
    assert three.compute_seconds == pytest.approx(eight.compute_seconds)


def test_a_depthwise_convolution_stays_off_the_tensor_cores() -> None:
    kernel = run("conv2d:n=8,c=96,h=56,w=56,k=96,r=7,s=7,groups=96,padding=3")
    assert {action.component for action in kernel.actions if action.action == "mac"} == {"gpu.vector"}
    assert mac_count(kernel) == 8 * 96 * 49 * 56 * 56


def test_every_action_has_an_energy() -> None:
    for text in ("matmul:m=64,n=64,k=64", "gelu:elements=4096", "softmax:rows=8,columns=99"):
        kernel = run(text)
        assert all(action.energy_joules is not None and action.count > 0 for action in kernel.actions)


def test_a_recurrent_layer_pays_launches_in_every_step() -> None:
    from workloads.graph import Access, Role

    steps, hidden = 50, 256
    params = (("batch", 16), ("gates", 4), ("hidden", hidden), ("steps", steps))
    loops = tuple(Loop(name, size) for name, size in (("s", steps), ("b", 16), ("n", 4 * hidden), ("k", hidden)))
    reads = (Access("h", ((("b", 1),), (("k", 1),))), Access("w", ((("n", 1),), (("k", 1),))))
    writes = (Access("y", ((("s", 1),), (("b", 1),), (("n", 1),))),)
    op = Op("layer", "lstm", Family.SCAN, loops, reads, writes, (("mac", 1),), params)
    shapes = {"h": (16, hidden), "w": (4 * hidden, hidden), "y": (steps, 16, 4 * hidden)}
    tensors = {name: Tensor(name, shape, Role.ACTIVATION) for name, shape in shapes.items()}
    kernel = gpu().kernel(op, tensors)
    assert kernel.overhead_seconds == pytest.approx(2 * steps * 3e-6)
    assert read_bytes(kernel) == (16 * hidden + 4 * hidden * hidden) * 2
    assert mac_count(kernel) == macs(op)
    assert points(op) / gpu().peak_operations(op, tensors) < kernel.seconds


def test_a_specification_names_what_is_wrong() -> None:
    with pytest.raises(ValidationError, match="sm_count"):
        GpuSpec.model_validate({**UNIT, "sm_count": 1})
    with pytest.raises(ValidationError, match="boost_clock"):
        GpuSpec.model_validate({**UNIT, "boost_clock": 1.4})
    with pytest.raises(ValidationError, match="vector"):
        GpuSpec.model_validate({**UNIT, "vector": {}})
