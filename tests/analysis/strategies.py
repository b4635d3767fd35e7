"""Random networks for hypothesis: chains, branches and merges, small enough to measure."""

from collections.abc import Callable
from math import gcd
from typing import Any

from hypothesis import strategies as st

from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph, infer
from archcalc.ops import OPS
from archcalc.ops.base import Op, Shape

LONGEST = {1: 60, 2: 16}
Draw = Callable[[st.SearchStrategy[Any]], Any]


class _Drafts:
    """Nodes so far, with their shapes. Every layer that the operators refuse is left out."""

    def __init__(self, draw: Draw, shape: Shape) -> None:
        self.draw = draw
        self.rank = len(shape) - 1
        self.nodes: list[Node] = []
        self.shapes: list[Shape] = []
        self.add(OPS["input"](shape))

    def add(self, op: Op, *inputs: int) -> int | None:
        """The position of a new layer; None if it does not fit or is too large to measure."""
        shapes = tuple(self.shapes[i] for i in inputs)
        if inputs and any(True for _ in op.check(shapes)):
            return None
        shape = op.output(shapes)
        if max(shape[1:]) > LONGEST[self.rank]:
            return None
        self.nodes.append(Node(f"{op.keyword}{len(self.nodes)}", op, inputs))
        self.shapes.append(shape)
        return len(self.nodes) - 1

    def number(self, low: int, high: int) -> int:
        number: int = self.draw(st.integers(low, high))
        return number

    def per_axis(self, low: int, high: int) -> tuple[int, ...]:
        return tuple(self.number(low, high) for _ in range(self.rank))

    def interpolation(self) -> dict[str, Any]:
        """The nearest value, or interpolated either way."""
        mode = self.draw(st.sampled_from(["nearest", "linear", *(["bicubic"] if self.rank == 2 else [])]))
        return {"mode": mode, "align_corners": mode != "nearest" and self.draw(st.booleans())}

    def any_node(self) -> int:
        """A layer, the last ones more often than the first: deep networks show more than wide ones."""
        return len(self.nodes) - 1 - min(self.number(0, len(self.nodes) - 1), self.number(0, len(self.nodes) - 1))

    def layer(self, kind: str) -> None:
        """A layer of one input."""
        op = OPS[kind.partition(" ")[0]]
        sides = tuple((self.number(0, 2), self.number(0, 2)) for _ in range(self.rank))
        if kind == "conv":
            given = {"kernel_size": self.per_axis(1, 4), "stride": self.per_axis(1, 3), "dilation": self.per_axis(1, 2)}
            self.add(op(out_channels=self.number(1, 3), padding=sides, **given), self.any_node())
        elif kind == "conv same":
            given = {"kernel_size": self.per_axis(1, 4), "stride": self.per_axis(1, 2)}
            self.add(op(out_channels=2, padding="same", **given), self.any_node())
        elif kind in ("maxpool", "avgpool"):
            given = {"kernel_size": self.per_axis(1, 4), "stride": self.per_axis(1, 3)}
            if kind == "maxpool":
                given["dilation"] = self.per_axis(1, 2)
            self.add(op(padding=sides, ceil_mode=self.draw(st.booleans()), **given), self.any_node())
        elif kind == "conv_transpose":
            # Kernels below the stride, and dilations that share a factor with it, leave units that read nothing: see
            # test_units_that_read_nothing.
            stride = self.per_axis(1, 3)
            given = {"kernel_size": tuple(self.number(s, 4) for s in stride), "stride": stride}
            given["dilation"] = tuple(
                d if gcd(d, s) == 1 else 1 for d, s in zip(self.per_axis(1, 3), stride, strict=True)
            )
            given |= {"padding": self.per_axis(0, 1), "output_padding": self.per_axis(0, 1)}
            self.add(op(out_channels=2, **given), self.any_node())
        elif kind == "upsample scale":
            self.add(op(scale_factor=self.per_axis(1, 3), **self.interpolation()), self.any_node())
        elif kind == "upsample size":
            self.add(op(size=self.per_axis(2, 14), **self.interpolation()), self.any_node())
        elif kind == "adaptive_avgpool":
            self.add(op(output_size=self.per_axis(2, 9)), self.any_node())
        elif kind == "pad":
            crops = tuple((before - 1, after - 1) for before, after in sides)
            self.add(op(padding=crops), self.any_node())
        else:
            start, step = self.number(0, 3), self.number(1, 2)
            self.add(op(dim=self.number(2, self.rank + 1), start=start, step=step), self.any_node())

    def cropped(self, position: int, shape: Shape) -> int:
        """The layer cut to the spatial sizes of `shape`, anywhere in it: ways meet that were never aligned."""
        for axis in range(1, self.rank + 1):
            spare = self.shapes[position][axis] - shape[axis]
            if spare > 0:
                start = self.number(0, spare)
                cut = self.add(OPS["slice"](dim=axis + 1, start=start, end=start + shape[axis]), position)
                assert cut is not None
                position = cut
        return position

    def merge(self, kind: str) -> None:
        """Two or three layers joined, cut to a common size and, where it has to be, to common channels."""
        chosen = [self.any_node() for _ in range(self.number(2, 3))]
        common = tuple(min(self.shapes[i][axis] for i in chosen) for axis in range(self.rank + 1))
        ways = [self.cropped(i, common) for i in chosen]
        if kind == "add" and len({self.shapes[i][0] for i in ways}) > 1:
            projected = [self.add(OPS["conv"](out_channels=2, kernel_size=1), i) for i in ways]
            ways = [way for way in projected if way is not None]
        self.add(OPS[kind](), *ways)


UNARY = (
    *("conv", "conv same", "maxpool", "avgpool", "adaptive_avgpool"),
    *("conv_transpose", "upsample scale", "upsample size", "pad", "slice"),
)


@st.composite
def networks(draw: Draw, layers: int = 8) -> InferredGraph:
    """Networks of up to `layers` random steps; about one step in three is a merge."""
    shape = draw(
        st.one_of(
            st.tuples(st.just(1), st.integers(12, 48)), st.tuples(*[st.integers(1, 2), *[st.integers(6, 14)] * 2])
        )
    )
    drafts = _Drafts(draw, shape)
    for _ in range(draw(st.integers(2, layers))):
        if draw(st.integers(0, 2)):
            drafts.layer(draw(st.sampled_from(UNARY)))
        else:
            drafts.merge(draw(st.sampled_from(["add", "max", "concat"])))
    return infer(Graph("random", tuple(drafts.nodes)))
