"""Small chains of operators for the tests of fusion, and the rows that their chunks need, followed one by one."""

from __future__ import annotations

from collections.abc import Sequence

from workloads.graph import Access, Family, Loop, Op, OperatorGraph, Role, Segment, Tensor

Layer = tuple[int, int, bool]
"""Window, stride, and whether it is padded by half its window."""


def _axes(*names: str) -> tuple[tuple[tuple[str, int], ...], ...]:
    return tuple(((name, 1),) for name in names)


def _loops(**extents: int) -> tuple[Loop, ...]:
    return tuple(Loop(name, extent) for name, extent in extents.items())


def _relu(name: str, source: str, count: int) -> Op:
    access = _axes("i")
    return Op(
        name, "relu", Family.POINTWISE, _loops(i=count), (Access(source, access),), (Access(name, access),),
        (("compare", 1),),
    )  # fmt: skip


def _graph(tensors: Sequence[Tensor], ops: Sequence[Op]) -> OperatorGraph:
    return OperatorGraph("chain", "forward", tuple(tensors), (Segment("chain", tuple(ops)),))


def mlp_chain(tokens: int, width: int, hidden: int) -> OperatorGraph:
    """Two products with an activation between them: x [tokens, width] -> hidden -> relu -> y [tokens, width]."""

    def product(name: str, source: str, weight: str, result: str, n: int, k: int) -> Op:
        reads = (Access(source, _axes("m", "k")), Access(weight, _axes("n", "k")))
        loops = _loops(m=tokens, n=n, k=k)
        write = (Access(result, _axes("m", "n")),)
        return Op(name, "linear", Family.CONTRACTION, loops, reads, write, (("mac", 1),))

    tensors = (
        Tensor("x", (tokens, width), Role.INPUT),
        Tensor("w1", (hidden, width), Role.WEIGHT),
        Tensor("hidden", (tokens, hidden), Role.ACTIVATION),
        Tensor("relu", (tokens, hidden), Role.ACTIVATION),
        Tensor("w2", (width, hidden), Role.WEIGHT),
        Tensor("y", (tokens, width), Role.OUTPUT),
    )
    ops = (
        product("first", "x", "w1", "hidden", hidden, width),
        _relu("relu", "hidden", tokens * hidden),
        product("second", "relu", "w2", "y", width, hidden),
    )
    return _graph(tensors, ops)


def conv_chain(height: int, layers: Sequence[Layer], channels: int = 4) -> OperatorGraph | None:
    """Square convolutions with a relu after each but the last; None if a window does not fit."""
    tensors = [Tensor("x", (1, channels, height, height), Role.INPUT)]
    ops: list[Op] = []
    source, rows = "x", height
    for index, (window, stride, padded) in enumerate(layers):
        padding = window // 2 if padded else 0
        out = (rows + 2 * padding - window) // stride + 1
        if rows + 2 * padding < window or out < 2:
            return None
        last = index == len(layers) - 1
        name = f"conv{index}"
        shape = (1, channels, out, out)
        tensors.append(Tensor(f"w{index}", (channels, channels, window, window), Role.WEIGHT))
        tensors.append(Tensor(name, shape, Role.OUTPUT if last else Role.ACTIVATION))
        ops.append(_conv(name, source, f"w{index}", channels, out, window, stride, padding))
        source, rows = name, out
        if not last:
            source = f"relu{index}"
            tensors.append(Tensor(source, shape, Role.ACTIVATION))
            ops.append(_relu(source, name, channels * out * out))
    return _graph(tensors, ops)


def _conv(name: str, source: str, weight: str, channels: int, out: int, window: int, stride: int, padding: int) -> Op:
    loops = _loops(n=1, k=channels, c=channels, p=out, q=out, r=window, s=window)
    index = (*_axes("n", "c"), (("p", stride), ("r", 1)), (("q", stride), ("s", 1)))
    if window == 1:
        loops = loops[:5]
        index = (*_axes("n", "c"), (("p", stride),), (("q", stride),))
    weights = Access(weight, _axes("k", "c", "r", "s") if window > 1 else (*_axes("k", "c"), (), ()))
    params = (("dilation", 1), ("groups", 1), ("padding", padding), ("stride", stride))
    return Op(
        name, "conv2d", Family.CONTRACTION, loops, (Access(source, index), weights),
        (Access(name, _axes("n", "k", "p", "q")),), (("mac", 1),), params,
    )  # fmt: skip


def rows_by_hand(
    height: int, layers: Sequence[Layer], size: int, halo: str
) -> tuple[list[list[int]], dict[str, tuple[int, int]]]:
    """Rows that every operator of a ``conv_chain`` makes in each chunk, and (largest window, rows) of every tensor.

    Rows are followed one by one as sets, from the last operator backwards.
    """
    heights = [height]
    for window, stride, padded in layers:
        heights.append((heights[-1] + 2 * (window // 2 if padded else 0) - window) // stride + 1)
    names = [name for index in range(len(layers)) for name in (f"conv{index}", f"relu{index}")][:-1]
    made: dict[str, list[int]] = {name: [] for name in names}
    windows: dict[str, tuple[int, int]] = {}
    done: dict[str, set[int]] = {name: set() for name in names}
    for low in range(0, heights[-1], size):
        wanted = set(range(low, min(low + size, heights[-1])))
        for index in reversed(range(len(layers))):
            window, stride, padded = layers[index]
            padding = window // 2 if padded else 0
            for name in (f"relu{index}", f"conv{index}"):
                if name not in made:
                    continue
                if name != names[-1]:
                    windows[name] = (max(windows.get(name, (0, 0))[0], len(wanted)), heights[index + 1])
                fresh = wanted - done[name] if halo == "keep" else wanted
                done[name] |= wanted
                made[name].append(len(fresh))
                wanted = fresh
            reach = {row * stride + step - padding for row in wanted for step in range(window)}
            wanted = {row for row in reach if 0 <= row < heights[index]}
            if wanted:
                wanted = set(range(min(wanted), max(wanted) + 1))
    return [made[name] for name in names], windows
