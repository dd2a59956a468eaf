"""Operators that walk along a sequence and carry a state: recurrent layers, selective scans, cumulative sums."""

from __future__ import annotations

from workloads.graph import Access, Family, Loop, Op
from workloads.lowering.call import Call, axis, lowers
from workloads.symbols import multiply


@lowers("aten.cumsum", "aten.cumprod", "aten.cummax")
def lower_cumulative(call: Call) -> tuple[Op, ...]:
    """Running sum along one axis."""
    loops = (Loop("i", call.out.size),)
    reads, writes = (Access(call.tensors()[0].tensor, (axis("i"),)),), (Access(call.out.tensor, (axis("i"),)),)
    cost = (("add", 1),)
    return (Op(call.name, "cumsum", Family.SCAN, loops, reads, writes, cost, source=call.source),)


@lowers("hwsim.recurrent", states=(1,))
def lower_recurrent(call: Call) -> tuple[Op, ...]:
    """One direction of one recurrent layer, after the input projection of all steps: gates [b, s, g*hidden].

    Four gates for an LSTM, three for a GRU, one for a plain network. The loop nest is the product of the recurrent
    weight with the hidden state, step by step; the gate functions (LSTM: per hidden unit and step 3 sigmoid, 2 tanh,
    3 mul, 1 add) are not counted.
    """
    gates, weight, state = call.value("gates"), call.value("weight"), call.outputs[1]
    batch, steps, _ = gates.shape
    hidden = weight.hints[1]
    number = weight.hints[0] // hidden
    loops = (Loop("s", steps), Loop("b", batch), Loop("g", number), Loop("n", hidden), Loop("k", hidden))
    row = (("g", hidden), ("n", 1))
    bias = call.maybe("bias")
    reads = (
        Access(state.tensor, (axis("b"), axis("k"))),
        Access(weight.tensor, (row, axis("k"))),
        Access(gates.tensor, (axis("b"), axis("s"), row)),
        *(Access(value.tensor, (row,)) for value in (bias,) if value is not None),
    )
    writes = (Access(call.out.tensor, (axis("b"), axis("s"), axis("n"))), Access(state.tensor, (axis("b"), axis("n"))))
    params = (("batch", batch), ("gates", number), ("hidden", hidden), ("steps", steps))
    return (Op(call.name, call.text("kind"), Family.SCAN, loops, reads, writes, (("mac", 1),), params, call.source),)


@lowers("hwsim.selective_scan", states=(1,))
def lower_selective_scan(call: Call) -> tuple[Op, ...]:
    """State-space scan over x [b, s, d] (Mamba) or [b, s, h, p] (Mamba-2), with a state of n per channel.

    Per point: exponential and product for the decay, two products and a sum for the state, product and sum for the
    output. Mamba-2 decays per head only, which is counted the same. Source: Gu and Dao 2023, arXiv 2312.00752, alg. 2.
    """
    source, state = call.value("x"), call.outputs[1]
    names = ("d",) if len(source.shape) == 3 else ("h", "p")
    depth = state.shape[-1]
    channels = tuple(Loop(name, extent) for name, extent in zip(names, source.shape[2:], strict=True))
    loops = (Loop("s", source.shape[1]), Loop("b", source.shape[0]), *channels, Loop("n", depth))
    step = (axis("b"), axis("s"), *(axis(name) for name in names))
    carried = (axis("b"), *(axis(name) for name in names), axis("n"))
    heads = axis(names[0])
    reads = [Access(source.tensor, step), Access(state.tensor, carried)]
    for key, index in (("dt", (axis("b"), axis("s"), heads)), ("a", (heads, axis("n"))), ("d", (heads,)),
                       ("b", (axis("b"), axis("s"), axis("n"))), ("c", (axis("b"), axis("s"), axis("n"))),
                       ("z", step), ("dt_bias", (heads,))):  # fmt: skip
        value = call.maybe(key)
        if value is not None:
            reads.append(Access(value.tensor, index[: len(value.shape)]))
    writes = (Access(call.out.tensor, step), Access(state.tensor, carried))
    cost = (("add", 2), ("exp", 1), ("mul", 4))
    params = (("batch", source.shape[0]), ("channels", multiply(*source.shape[2:])), ("state", depth),
              ("steps", source.shape[1]))  # fmt: skip
    return (Op(call.name, "selective_scan", Family.SCAN, loops, tuple(reads), writes, cost, params, call.source),)


@lowers("hwsim.causal_conv", states=(1,))
def lower_causal_convolution(call: Call) -> tuple[Op, ...]:
    """Depthwise causal convolution over a sequence [b, s, d]; the last inputs of the sequence are kept as state."""
    source, weight, state = call.value("x"), call.value("weight"), call.outputs[1]
    batch, steps, channels = source.shape
    loops = (Loop("n", batch), Loop("g", channels), Loop("p", steps), Loop("r", weight.shape[-1]))
    window = (axis("n"), axis("g"), axis("r"))
    bias = call.maybe("bias")
    reads = (
        Access(source.tensor, (axis("n"), (("p", 1), ("r", 1)), axis("g"))),
        Access(weight.tensor, (axis("g"), axis("r"))),
        *(Access(value.tensor, (axis("g"),)) for value in (bias,) if value is not None),
        Access(state.tensor, window),
    )
    writes = (Access(call.out.tensor, (axis("n"), axis("p"), axis("g"))), Access(state.tensor, window))
    params = (("dilation", 1), ("groups", channels), ("padding", "causal"), ("stride", 1))
    return (Op(call.name, "conv1d", Family.CONTRACTION, loops, reads, writes, (("mac", 1),), params, call.source),)
