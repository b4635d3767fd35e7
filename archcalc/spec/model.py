"""What a spec is once it is read: layers, blocks, repeats and numbers that somebody published, each with its place."""

from typing import TypeAlias

from msgspec import Struct

from archcalc.errors import Source, Span
from archcalc.spec.expressions import Expression, as_expression
from archcalc.spec.ranges import Values
from archcalc.spec.tree import Scalar, Tree


class Branch(Struct, frozen=True):
    """One branch of a merge; `when` leaves it out, `count` writes it several times with index `index`."""

    steps: tuple["Step", ...]
    span: Span
    when: Tree | None = None
    count: Tree | None = None
    index: str = ""


class Call(Struct, frozen=True):
    """A layer: an operator or a block, by its keyword. `branches` are those of a merge, None where none are written."""

    keyword: str
    span: Span
    arguments: dict[str, Tree]
    spans: dict[str, Span]
    name: Tree | None = None
    when: Tree | None = None
    inputs: Tree | None = None
    shares: Tree | None = None
    branches: tuple[Branch, ...] | None = None


class Repeat(Struct, frozen=True):
    """Layers written `count` times; `scoped` says whether each time has a name of its own in front of its layers'."""

    count: Tree
    span: Span
    steps: tuple["Step", ...]
    index: str = ""
    name: Tree | None = None
    when: Tree | None = None
    scoped: bool = True


Step: TypeAlias = Call | Repeat


class Block(Struct, frozen=True):
    """A named piece of network with arguments; an argument without a default is required."""

    name: str
    span: Span
    arguments: dict[str, Tree]
    steps: tuple[Step, ...]


class Published(Struct, frozen=True):
    """A number somebody printed, and where: of the network, or of a layer or scope.

    `tolerance` is a share of the number; `expect` what verification is known to find. Accuracies (`top1`, `top5`) are
    percentages of a `dataset`'s samples.
    """

    metric: str
    value: float
    source: str
    tolerance: float = 0
    note: str = ""
    layer: str = ""
    expect: str = "match"
    dataset: str = ""
    span: Span | None = None


class Preprocess(Struct, frozen=True):
    """How an image becomes the input of a network, in this order.

    In shades of grey (`mode` L) or colours (RGB); `invert` takes each value from 255, for dark ink on light paper; the
    shorter side resized to `resize`, or both to (height, width); the middle `crop` of it; divided by `divide`; less
    `mean`, divided by `std`, a number a channel each.
    """

    mode: str
    invert: bool
    resize: int | tuple[int, int] | None
    crop: int | tuple[int, int] | None
    divide: float
    mean: tuple[float, ...]
    std: tuple[float, ...]


class Spec(Struct, frozen=True):
    """What a file says, with what it extends already taken in.

    `weights` is the path of a file; `labels` are what the outputs are called, or the path of a file that says so;
    `ranges` is what variables range over in a design space.
    """

    source: Source
    name: str
    title: str
    input: Tree | None
    variables: dict[str, Tree]
    variable_spans: dict[str, Span]
    blocks: dict[str, Block]
    steps: tuple[Step, ...]
    family: str = ""
    paper: dict[str, object] = {}
    published: tuple[Published, ...] = ()
    alternatives: dict[str, tuple[Tree, ...]] = {}
    notes: str = ""
    weights: str = ""
    preprocess: Preprocess | None = None
    labels: tuple[str, ...] | str = ()
    ranges: dict[str, Values] = {}


class Text(Struct, frozen=True):
    """The top level of one file, not yet joined with what it extends."""

    source: Source
    entries: dict[str, Tree]
    keys: dict[str, Span]

    def scalar(self, key: str, default: str = "") -> str:
        tree = self.entries.get(key)
        return str(tree.value) if isinstance(tree, Scalar) and tree.value is not None else default


def expression_of(tree: Tree) -> Expression | None:
    """The expression a value is, if it is one."""
    return as_expression(tree.value, tree.span) if isinstance(tree, Scalar) else None
