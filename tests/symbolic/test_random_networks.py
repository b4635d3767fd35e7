"""Random networks and random specs: closed forms are the analysis of every variant that they hold for."""

import random

from analysis.strategies import networks
from hypothesis import given, settings
from hypothesis import strategies as st

import archcalc
from archcalc.analysis.whole import Analysis
from archcalc.builder.overrides import Overrides
from archcalc.errors import ArchcalcError, Source
from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph, infer
from archcalc.network import Network, changed, overrides_of, read
from archcalc.ops.source import Input
from archcalc.spec.model import Spec
from archcalc.symbolic.engine import Question, closed_forms

from .variants import differences, shape_with, some_values


def at_shape(graph: InferredGraph, shape: tuple[int, ...]) -> InferredGraph:
    nodes = [Node(n.name, Input(shape), ()) if isinstance(n.op, Input) else n for n in graph.nodes]
    return infer(Graph(graph.name, tuple(nodes)))


@settings(max_examples=120, deadline=None)
@given(graph=networks(), seed=st.integers(0, 10**6))
def test_random_graphs(graph: InferredGraph, seed: int) -> None:
    """Convolutions of all paddings, poolings that round up, upsampling, merges, crops: as a model file has them."""
    spec = Spec(Source("random", ""), "random", "random", None, {}, {}, {}, ())
    try:
        found = closed_forms(Question(Network(spec, graph), Overrides()))
    except ArchcalcError as error:
        # Crops to a size that happens to fit, and sizes that only happen to be equal: there is no closed form.
        assert "fits together for" in str(error) or "depends on" in str(error) or "symbol" in str(error)  # noqa: PT017
        return
    chance = random.Random(seed)
    for derivation in filter(None, (found.general, found.even)):
        for _ in range(3):
            values = some_values(derivation, chance, 60)
            try:
                derivation.at(**values)
            except archcalc.UsageError:
                assert derivation.conditions
                continue
            analysis = Analysis(spec, at_shape(graph, shape_with(graph.input_shape, values)), model="all")
            assert differences(derivation, values, analysis) == {}


WIDTHS = (
    "=width",
    "=2*width + growth",
    "=width*growth",
    "=ceil(width/2)",
    "=max(width, growth)",
    "=width//2 + 1",
    "=int(width*1.5)",
    "=width**2",
    "16",
)


@st.composite
def specs(draw: st.DrawFn) -> str:
    """Small networks with a width, a kernel and an exponent, whose blocks compute with them."""
    width, growth, k = draw(st.integers(2, 9)), draw(st.integers(1, 9)), draw(st.sampled_from([1, 3, 5]))
    layers = []
    for _ in range(draw(st.integers(1, 4))):
        out = draw(st.sampled_from(WIDTHS))
        stride = draw(st.sampled_from([1, 1, 2, 3]))
        padding = draw(st.sampled_from(["=k//2", "same", "1", "0"]))
        layers.append(f"  - conv: {{out_channels: '{out}', kernel_size: =k, stride: {stride}, padding: {padding}}}")
        layers += draw(
            st.lists(
                st.sampled_from(
                    [
                        "  - relu",
                        "  - batchnorm",
                        "  - maxpool: {kernel_size: 3, stride: 2, padding: 1, ceil_mode: true}",
                        "  - avgpool: {kernel_size: 2, stride: 2}",
                        "  - upsample: {scale_factor: 2, mode: nearest}",
                        "  - add: [[], [{relu: {}}]]",
                        "  - concat: [[], [{conv: {out_channels: =growth, kernel_size: 1}}]]",
                        "  - conv: {out_channels: 8, kernel_size: 1, bias: false, if: =width > growth}",
                    ]
                ),
                max_size=3,
            )
        )
    tail = draw(
        st.sampled_from(["", "  - global_avgpool\n  - flatten\n", "  - flatten\n  - linear: {out_features: =width}\n"])
    )
    return "\n".join(
        [
            "archcalc: 1",
            "name: random",
            f"vars: {{width: {width}, growth: {growth}, k: {k}}}",
            "input: [3, 40, 37]",
            "layers:",
            *layers,
            tail,
        ]
    )


@settings(max_examples=150, deadline=None)
@given(
    text=specs(),
    over=st.sampled_from(["width", "growth", "width,growth", "H,width", "H,W,C", "W,growth,batch"]),
    seed=st.integers(0, 10**6),
)
def test_random_specs(text: str, over: str, seed: int) -> None:
    try:
        network = read(Source("random", text), None, {})
    except ArchcalcError:
        return
    try:
        found = closed_forms(Question(network, Overrides()), over.split(","))
    except ArchcalcError as error:
        said = str(error)
        assert "fits together for" in said or "depends on" in said or "to be equal" in said or "happen to fit" in said
        return
    chance = random.Random(seed)
    for derivation in filter(None, (found.general, found.even)):
        for _ in range(3):
            values = some_values(derivation, chance, 40)
            try:
                derivation.at(**values)
            except archcalc.UsageError:
                assert derivation.conditions
                continue
            variables = {f"vars.{key}": value for key, value in values.items() if key in network.spec.variables}
            overrides = overrides_of(shape_with(network.graph.input_shape, values), variables)
            variant = changed(network.spec, overrides)
            analysis = Analysis(variant.spec, variant.graph, values.get("batch", 1), model="all")
            assert differences(derivation, values, analysis) == {}
