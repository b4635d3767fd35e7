"""Windows as ONNX states them: kernels, strides, dilations, and padding on each side or by name."""

import math
from collections.abc import Sequence

from msgspec import Struct

from archcalc.errors import Problem, UsageError, printable
from archcalc.formats.compute.call import Call
from archcalc.forward.kernels import Array
from archcalc.forward.kernels.window import Sides, span_of


class Windows(Struct, frozen=True):
    """The windows of one call, a number each spatial axis; `sides` is the padding before and after."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    sides: Sides

    @property
    def before(self) -> list[int]:
        return [ahead for ahead, _ in self.sides]

    def positions(self, sizes: Sequence[int], ceil_mode: bool) -> tuple[int, ...]:
        """How many windows there are: ⌊(n + p + q − span)/s⌋ + 1 per axis, or ⌈ ⌉.

        With ⌈ ⌉, one that would begin behind the map and its padding in front is left out.
        """
        counts = []
        for n, k, s, d, (ahead, behind) in zip(sizes, self.kernel, self.stride, self.dilation, self.sides, strict=True):
            free = n + ahead + behind - span_of(k, d)
            if free < 0:
                raise UsageError(Problem(f"a window of {span_of(k, d)} is larger than {n} units with their padding"))
            last = -(-free // s) if ceil_mode else free // s
            counts.append(last if ceil_mode and last * s >= n + ahead else last + 1)
        return tuple(counts)

    def check(self, call: Call, x: Array, positions: Sequence[int]) -> None:
        """Room for the padded map, and for what the windows give."""
        padded = [n + ahead + behind for n, (ahead, behind) in zip(x.shape[2:], self.sides, strict=True)]
        call.room((*x.shape[:2], *padded), x.dtype)
        call.room((*x.shape[:2], *positions), x.dtype)


def windows_of(call: Call, x: Array, kernel: Sequence[int]) -> Windows:
    """The windows that a call states over the spatial axes of x: strides and dilations are 1 unless given."""
    rank = x.ndim - 2
    stride, dilation = (per_axis(call, name, rank) for name in ("strides", "dilations"))
    if len(kernel) != rank:
        raise UsageError(Problem(f"{call.kind} has a kernel of {len(kernel)} axes on {rank} spatial axes"))
    if any(size < 1 for size in kernel):
        raise UsageError(Problem(f"{call.kind} has a kernel of no units"))
    sides = []
    for axis, (n, k, s, d) in enumerate(zip(x.shape[2:], kernel, stride, dilation, strict=True)):
        sides.append(_padding(call, rank, axis, (-(-n // s) - 1) * s + span_of(k, d) - n))
    return Windows(tuple(kernel), stride, dilation, sides)


def per_axis(call: Call, name: str, rank: int) -> tuple[int, ...]:
    """A positive number for each spatial axis, 1 where none is given."""
    values = tuple(call.get(name, (1,) * rank))
    if len(values) != rank or min(values, default=1) < 1:
        shown = printable(", ".join(map(str, values)), 60)
        raise UsageError(Problem(f"{call.kind} has {name} {shown}", None, f"positive, one for each of {rank} axes"))
    return values


def _padding(call: Call, rank: int, axis: int, same: int) -> tuple[int, int]:
    """What is added on both sides of an axis; `same` is what keeps ⌈n/s⌉ positions."""
    kind = call.get("auto_pad", "NOTSET")
    if kind in ("SAME_UPPER", "SAME_LOWER"):
        return halves(max(same, 0), kind == "SAME_UPPER")
    if kind == "VALID":
        return 0, 0
    pads = call.get("pads", (0,) * (2 * rank))
    if kind != "NOTSET" or len(pads) != 2 * rank:
        shown = printable(f"{kind} {', '.join(map(str, pads))}", 60)
        raise UsageError(Problem(f"{call.kind} has padding {shown}", None, f"two numbers for each of {rank} axes"))
    return pads[axis], pads[axis + rank]


def halves(total: int, larger_behind: bool) -> tuple[int, int]:
    """A padding parted in two, the odd unit behind or ahead."""
    less = total // 2
    return (less, total - less) if larger_behind else (total - less, less)


def bound_columns(call: Call, x: Array, kernel: Sequence[int], positions: Sequence[int]) -> None:
    """Room for one row of windows laid out as columns, which is how convolutions are computed."""
    call.room((x.shape[1] * math.prod(kernel), math.prod(positions[1:])), x.dtype)
