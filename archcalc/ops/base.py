"""What an operator is: declared arguments and five facts.

An operator class is a frozen struct whose fields are its arguments (torch's names) and which states

- `output`: the shape rule;
- `weights`: what is stored, with shape and role;
- `work`: what is computed for one sample, by class of operation;
- `windows`: which part of each input one output unit reads, per axis;
- `saves`: what training keeps for the backward pass.

Everything else is derived in `analysis/`. Shapes are channels first and leave the batch out: `(3, 224, 224)`.
Facts are plain arithmetic, never compare sizes and run on every number of `archcalc.numbers`; what can be wrong with
sizes is said by `check`.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from archcalc.numbers import maximum, product

Shape = tuple[int, ...]
Shapes = tuple[Shape, ...]

Size = Annotated[int, Meta(ge=1)]
Count = Annotated[int, Meta(ge=0)]
PerAxis = Size | tuple[Size, ...]
Probability = Annotated[float, Meta(ge=0, le=1)]

Role = Literal["trainable", "statistic", "constant"]

# Arguments that a lecture leaves out of a formula while they have the value that changes nothing.
NEUTRAL = {"dilation": 1, "groups": 1, "output_padding": 0}


class Weight(Struct, frozen=True, gc=False):
    """A stored array.

    A `statistic` is what training updates without a gradient (running mean and variance), a `constant` what it leaves
    alone: both are buffers.
    """

    name: str
    shape: Shape
    role: Role = "trainable"

    @property
    def count(self) -> int:
        """Its number of values, multiplied in the lecture's order: kernel · kernel · depth · filters."""
        return product(reversed(self.shape))


Weights = tuple[Weight, ...]


class Work(Struct, frozen=True, gc=False):
    """What one sample costs, as counts of scalar operations.

    `macs` are the multiply-accumulates of convolutions and matrix products; a mac is two FLOPs. `exponentials` holds
    every function that is a series in hardware: exp, pow, square root, tanh, erf.
    """

    macs: int = 0
    adds: int = 0
    multiplies: int = 0
    comparisons: int = 0
    divisions: int = 0
    exponentials: int = 0

    def times(self, samples: int) -> "Work":
        """The same for several samples."""
        return Work(
            self.macs * samples,
            self.adds * samples,
            self.multiplies * samples,
            self.comparisons * samples,
            self.divisions * samples,
            self.exponentials * samples,
        )


NO_WORK = Work()


class Window(Struct, frozen=True, gc=False):
    """One output axis follows axis `axis` of the input: unit u reads a window of it.

    The input is first spread out by `upsample` (its units `upsample` apart, nothing in between); on that grid unit u
    reads `kernel` points, `dilation` apart, from `u·stride − padding` on. A convolution has `upsample` 1; a transposed
    convolution, an interpolation and an adaptive pooling are windows on the spread grid.
    """

    axis: int
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    upsample: int = 1

    @property
    def span(self) -> int:
        """From the first to the last point read: d·(k − 1) + 1, written so that dilation 1 leaves k."""
        return self.kernel + (self.kernel - 1) * (self.dilation - 1)


class Gap(Struct, frozen=True, gc=False):
    """An output axis whose reads have no window form, and why."""

    reason: str


# One entry an output axis: a window on an input axis; None where it follows no single input axis but reads whole ones
# (channels of a convolution, features of a linear layer); a Gap where neither can be said.
Reads = tuple[Window | Gap | None, ...]

MOST_AXES = 8
"""Of a shape, without the batch."""

POINTWISE: tuple[Reads, ...] = tuple(tuple(Window(axis) for axis in range(rank)) for rank in range(MOST_AXES + 1))
"""By rank: every output unit reads the one input unit at its own place."""


class Extra(Struct, frozen=True, gc=False):
    """Values that the backward pass needs and that are neither an input nor the output: of one sample, or `once` a
    batch. A `mask` is a byte each, an `index` eight, a `statistic` four whatever the data type, a `value` as all are.
    """

    name: str
    count: int
    kind: Literal["value", "mask", "index", "statistic"] = "value"
    once: bool = False


class Saved(Struct, frozen=True, gc=False):
    """What the forward pass of training keeps for the backward pass: which inputs (by their places), the output or not,
    and extras. Weights are kept anyway."""

    inputs: tuple[int, ...] = ()
    output: bool = False
    extras: tuple[Extra, ...] = ()


SAVES_NOTHING = Saved()
SAVES_INPUT = Saved((0,))
SAVES_OUTPUT = Saved(output=True)
SAVES_BOTH = Saved((0,), output=True)


class Complaint(Struct, frozen=True, gc=False):
    """What `check` has against the inputs; `argument` names the argument to point at, if one is to blame."""

    message: str
    argument: str = ""
    hint: str = ""


class Remainder(Struct, frozen=True, gc=False):
    """What the stride of a window leaves over on one axis.

    `rest` is by how much the padded axis is too long for whole steps; `unread` is how many rows of the input, at the
    far end, no window reads for that.
    """

    window: Window
    before: int
    after: int
    size: int
    rest: int
    unread: int


Choices = tuple[tuple[float, tuple[int, ...]], ...]
"""What may happen in a step of training: a probability, and which inputs are read then."""


class Op(Struct, frozen=True):
    """Base of all operators. `keyword` is the name in specs; `arity` how many inputs, None for `fewest` or more.
    `views`: its output is a view of its input's memory, as in torch. `known` is false only for what stands for an
    operator that is not ours: its work and weights are no facts.
    """

    keyword: ClassVar[str]
    views: ClassVar[bool] = False
    arity: ClassVar[int | None] = 1
    fewest: ClassVar[int] = 2
    known: ClassVar[bool] = True

    @property
    def title(self) -> str:
        """What tables call it."""
        return self.keyword

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        """Everything that is wrong with the sizes; nothing when `output` may be asked."""
        yield from ()

    def output(self, inputs: Shapes) -> Shape:
        raise NotImplementedError

    def weights(self, inputs: Shapes) -> Weights:
        raise NotImplementedError

    def work(self, inputs: Shapes, output: Shape) -> Work:
        raise NotImplementedError

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        """What one output unit reads, for each input."""
        raise NotImplementedError

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        """What training keeps for the backward pass, as torch's autograd does (derivatives.yaml)."""
        raise NotImplementedError

    def training_work(self, inputs: Shapes, output: Shape, batch: int) -> Work:
        """What the forward pass of a whole batch costs while training: for most, `work` for each sample."""
        return self.work(inputs, output).times(batch)

    def training_reads(self, inputs: int) -> Choices:
        """Which of its inputs it reads in a step of training, each choice with its probability: for most, all."""
        return ((1.0, tuple(range(inputs))),)

    def remainders(self, inputs: Shapes) -> tuple[Remainder, ...]:
        """What strides leave over, an axis each, of operators that slide a window; none of others."""
        return ()

    def notes(self, inputs: Shapes) -> Iterator[str]:
        """Remarks on arguments that are legal but rarely meant, such as a stride that does not divide."""
        yield from ()


class Pointwise(Op, frozen=True):
    """Base of operators that keep the shape, have no weights and read each unit at its own place."""

    def output(self, inputs: Shapes) -> Shape:
        return inputs[0]

    def weights(self, inputs: Shapes) -> Weights:
        return ()

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        return (POINTWISE[len(output)],)


def spread(value: PerAxis, rank: int) -> tuple[int, ...]:
    """A per-axis argument on each of `rank` axes: one number stands for all of them."""
    return value if isinstance(value, tuple) else (value,) * rank


def can_stretch(shapes: Shapes) -> bool:
    """Whether shapes are equal but for sizes of 1, which are stretched to the sizes of the others."""
    different = (sizes for sizes in zip(*shapes, strict=False) if any(size != sizes[0] for size in sizes[1:]))
    others = ([size for size in sizes if size != 1] for sizes in different)
    equal_ranks = len({len(shape) for shape in shapes}) == 1
    return equal_ranks and all(size == sizes[0] for sizes in others for size in sizes[1:])


def stretched(shapes: Shapes) -> Shape:
    """What such shapes are stretched to: the largest size of each axis."""
    result = shapes[0]
    for shape in shapes[1:]:
        result = tuple(a if a is b else maximum(a, b) for a, b in zip(result, shape, strict=True))
    return result


def stretched_reads(shape: Shape, output: Shape) -> tuple[Window, ...]:
    """Windows on an input of `shape` that is stretched to `output`.

    A stretched axis has one unit of m, and every output unit reads it: a window of stride 0, which is 1//m.
    """
    return tuple(Window(axis, stride=n // m) for axis, (n, m) in enumerate(zip(shape, output, strict=True)))


def both_sides(padding: "int | tuple[int | tuple[int, int], ...]", rank: int) -> tuple[tuple[int, int], ...]:
    """Padding before and after on each of `rank` axes: one number stands for all axes, or for both sides of one."""
    if isinstance(padding, tuple):
        return tuple(side if isinstance(side, tuple) else (side, side) for side in padding)
    return ((padding, padding),) * rank


def show_shape(shape: Shape) -> str:
    """`96×55×55`; a scalar is `1`."""
    return "×".join(str(size) for size in shape) or "1"


def show_kernel(op: Op, rank: int) -> str:
    """Kernel and stride over `rank` axes as a lecture writes them, 11×11/4; empty for operators without a kernel."""
    kernel = getattr(op, "kernel_size", None)
    if kernel is None:
        return ""
    stride = getattr(op, "stride", 1)
    stride = kernel if stride == "kernel_size" else stride
    kernels, strides = (spread(value, rank) for value in (kernel, stride))
    steps = str(strides[0]) if len(set(strides)) == 1 else show_shape(strides)
    return f"{show_shape(kernels)}/{steps}"


def axis_names(rank: int) -> tuple[str, ...]:
    """What the axes of a shape are called in formulas."""
    spatial = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
    if rank == 1:
        return ("features",)
    return ("channels", *spatial.get(rank - 1, tuple(f"size{axis}" for axis in range(1, rank))))


def needs_rank(inputs: Shapes, ranks: range, what: str) -> Iterator[Complaint]:
    """A complaint when the (only) input has not one of `ranks` axes."""
    if len(inputs[0]) not in ranks:
        yield Complaint(f"{what}, got {show_shape(inputs[0])}")


def per_axis_fits(op: Op, rank: int, *arguments: str) -> Iterator[Complaint]:
    """A complaint for each per-axis argument that has neither one number nor one (or a pair) for each axis."""
    for name in arguments:
        value = getattr(op, name)
        if isinstance(value, tuple) and len(value) != rank:
            axes = "1 axis" if rank == 1 else f"{rank} axes"
            yield Complaint(f"{name} has {len(value)} numbers for {axes}", name, f"one number, or {rank}")


def axis_of(dim: int, rank: int) -> int:
    """The position in a shape of torch's `dim`, which counts the batch as 0 and may count from the end."""
    return dim - 1 if dim > 0 else rank + dim


def dim_fits(dim: int, rank: int, argument: str = "dim") -> Iterator[Complaint]:
    """A complaint when `dim` is the batch or beyond the shape."""
    if not 0 <= axis_of(dim, rank) < rank or dim == 0:
        hint = "dim 0 is the batch" if dim == 0 else f"1 to {rank}, or −1 for the last"
        yield Complaint(f"{argument} {dim} is not an axis of a {rank}-axis shape", argument, hint)
