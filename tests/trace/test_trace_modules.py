"""Tracing any module: what becomes of its operators, and what is said when it cannot be traced."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from workloads.bind import bind  # noqa: E402
from workloads.errors import TraceError, UnknownOperatorError  # noqa: E402
from workloads.graph import OperatorGraph, Role, graph_macs, operations, role_bytes  # noqa: E402
from workloads.serialize import load, save, structural_hash  # noqa: E402
from workloads.trace import trace  # noqa: E402


class Function(nn.Module):
    """A module without parameters around a function."""

    def __init__(self, function):
        super().__init__()
        self._function = function

    def forward(self, *inputs):
        return self._function(*inputs)


class Blocks(nn.Module):
    """A small convolutional network with four equal residual blocks."""

    def __init__(self, count: int = 4):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(16, 16, 3, padding=1, groups=4), nn.BatchNorm2d(16), nn.ReLU(inplace=True))
            for _ in range(count)
        )
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        for block in self.blocks:
            x = x + block(x)
        return self.head(nn.functional.adaptive_avg_pool2d(x, 1).flatten(1))


def traced(function, *shapes, **options) -> OperatorGraph:
    """A bound graph of a function or module for inputs of the given shapes."""
    module = function if isinstance(function, nn.Module) else Function(function)
    inputs = tuple(torch.empty(shape, device="meta") for shape in shapes)
    with torch.device("meta"):
        return trace(module.to("meta"), inputs, name="test", **options)


def kinds(graph: OperatorGraph) -> list[str]:
    return [op.kind for _, op in graph.walk()]


@pytest.fixture(scope="module")
def blocks() -> OperatorGraph:
    return traced(Blocks(), (3, 3, 32, 32), dynamic={0: {0: "B"}})


def test_equal_blocks_become_one_segment_with_a_count(blocks):
    repeated = [s for s in blocks.segments if s.count > 1]
    assert [(s.count, [op.kind for op in s.ops]) for s in repeated] == [(4, ["conv2d", "batchnorm", "relu", "add"])]


def test_macs_and_parameters_of_a_small_network_are_exact(blocks):
    stem, block, head = 16 * 16 * 16 * 3 * 9, 16 * 16 * 16 * 4 * 9, 10 * 16
    assert graph_macs(bind(blocks, B=5)) == 5 * (stem + 4 * block + head)
    assert blocks.parameters == sum(p.numel() for p in Blocks().parameters())
    assert role_bytes(bind(blocks, B=1), Role.WEIGHT) == 2 * blocks.parameters


def test_convolution_input_slides_with_stride_and_groups(blocks):
    stem, grouped = (op for _, op in blocks.walk() if op.kind == "conv2d")
    assert stem.reads[0].index[2] == (("p", 2), ("r", 1))
    assert grouped.reads[0].index[1] == (("g", 4), ("c", 1))
    assert grouped.writes[0].index[1] == (("g", 4), ("k", 1))


def test_tracing_twice_gives_the_same_bytes_and_loading_gives_the_same_graph(blocks):
    again = traced(Blocks(), (3, 3, 32, 32), dynamic={0: {0: "B"}})
    assert save(again) == save(blocks)
    assert load(save(blocks)) == blocks


def test_the_hash_ignores_names_and_sees_sizes(blocks):
    deeper = traced(Blocks(5), (3, 3, 32, 32), dynamic={0: {0: "B"}})
    larger = traced(Blocks(), (3, 3, 64, 64), dynamic={0: {0: "B"}})
    assert len({structural_hash(graph) for graph in (blocks, deeper, larger)}) == 3


def test_views_are_free_and_copies_are_not():
    free = traced(lambda x: x.transpose(1, 2).unsqueeze(0).expand(2, 3, 5, 4)[:, :, 1:] * 2.0, (3, 4, 5))
    paid = traced(lambda x: x.transpose(1, 2).contiguous().roll(1, 0), (3, 4, 5))
    assert kinds(free) == ["mul"]
    assert kinds(paid) == ["copy", "roll"]


def test_a_reshape_costs_only_where_the_strides_forbid_it():
    assert kinds(traced(lambda x: x.reshape(12, 5) + 1, (3, 4, 5))) == ["add"]
    assert kinds(traced(lambda x: x.transpose(0, 1).reshape(12, 5) + 1, (3, 4, 5))) == ["copy", "add"]


def test_a_broadcast_operand_is_read_once_per_element_of_its_own():
    (op,) = (op for _, op in traced(lambda x, y: x + y, (2, 3, 4, 5), (3, 1, 1)).walk())
    assert [(loop.name, loop.extent) for loop in op.loops] == [("i", 2), ("j", 3), ("k", 20)]
    assert op.reads[1].index == ((), (("j", 1),), ())


def test_what_depends_on_shapes_alone_is_not_computed():
    graph = traced(lambda x: x + torch.arange(x.shape[1], device=x.device).float().cos(), (3, 7))
    assert kinds(graph) == ["add"]


def test_in_place_operators_hand_on_their_result():
    def function(x):
        y = torch.zeros_like(x)
        y += x
        return y.relu_() * y

    assert kinds(traced(function, (3, 7))) == ["add", "relu", "mul"]


@pytest.mark.parametrize(("layer", "gates"), [(nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)])
def test_a_recurrent_layer_is_a_projection_and_one_scan(layer, gates):
    graph = bind(traced(layer(8, 16, num_layers=2, batch_first=True), (3, 5, 8)))
    assert kinds(graph) == ["linear", layer.__name__.lower()] * 2
    macs = [operations(op)["mac"] for _, op in graph.walk()]
    assert macs == [15 * gates * 16 * width for width in (8, 16, 16, 16)]


def test_attention_of_pytorch_is_one_node():
    attention = traced(nn.functional.scaled_dot_product_attention, (2, 8, 5, 16), (2, 8, 7, 16), (2, 8, 7, 32))
    (op,) = (op for _, op in attention.walk())
    assert (op.kind, op.param("queries"), op.param("keys"), op.param("value_dim")) == ("attention", 5, 7, 32)


def test_einsum_is_one_contraction_with_exact_macs():
    graph = bind(traced(lambda x, w: torch.einsum("...hi,hij->...hj", x, w), (3, 8, 16), (8, 16, 32)))
    assert kinds(graph) == ["matmul"]
    assert graph_macs(graph) == 3 * 8 * 16 * 32


def test_an_unknown_operator_is_named_with_path_and_coverage():
    module = nn.Sequential(nn.Linear(4, 4), Function(lambda x: torch.linalg.inv(x) + 1))
    with pytest.raises(UnknownOperatorError, match=r"(?s)coverage 66\.7 %.*aten\.linalg_inv.* in 1"):
        traced(module, (4, 4))


def test_an_allowed_unknown_operator_counts_as_traffic():
    graph = traced(lambda x: torch.linalg.inv(x), (4, 4), allow_unknown=True)
    assert {op.kind for _, op in graph.walk()} == {"unknown"}
    assert [name.split(".")[1] for name, _, _ in graph.unknown] == ["linalg_inv_ex"] or graph.unknown
    assert sum(len(op.reads) for _, op in graph.walk()) == 1


@pytest.mark.parametrize(
    ("function", "shape", "message"),
    [
        (lambda x: x @ torch.zeros(7, 7, device=x.device), (3, 4), "cannot be traced: RuntimeError"),
        (lambda x: x[x > 0] * 2, (3, 4), "depends on data"),
    ],
)
def test_what_cannot_be_traced_is_a_clear_error(function, shape, message):
    with pytest.raises(TraceError, match=message):
        traced(function, shape)


def test_an_axis_that_the_module_fixes_is_refused_as_symbol():
    with pytest.raises(TraceError, match=r"axis 1 \(D\) is not dynamic"):
        traced(nn.Linear(4, 4), (3, 4), dynamic={0: {1: "D"}})


def test_tracing_leaves_the_module_as_it_was():
    module = nn.Sequential(nn.LSTM(8, 16, batch_first=True))
    module.train()
    traced(module[0], (3, 5, 8))
    assert module.training
    assert "forward" not in vars(module[0])
