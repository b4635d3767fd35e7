"""Convolutions, transposed or not."""

from collections.abc import Callable

from archcalc.errors import Problem, UsageError
from archcalc.formats.compute.call import Call
from archcalc.formats.compute.geometry import Windows, bound_columns, halves, windows_of
from archcalc.forward.kernels import Array, product
from archcalc.forward.kernels.window import span_of


def conv(call: Call, x: Array, weight: Array, bias: Array | None = None) -> Array:
    """(N, C, *n) and (O, C/groups, *kernel) give (N, O, *positions)."""
    groups = call.get("group", 1)
    if groups < 1 or x.shape[1] != weight.shape[1] * groups or len(weight) % groups:
        raise UsageError(Problem(f"Conv of {x.shape[1]} channels by a weight of {weight.shape} in {groups} groups"))
    windows = windows_of(call, x, weight.shape[2:])
    positions = windows.positions(x.shape[2:], ceil_mode=False)
    windows.check(call, x, positions)
    call.room((len(x), len(weight), *positions), x.dtype)
    bound_columns(call, x, windows.kernel, positions)
    return product.conv(x, weight, bias, windows.stride, windows.sides, windows.dilation, groups)


def conv_transpose(call: Call, x: Array, weight: Array, bias: Array | None = None) -> Array:
    """(N, C, *n) and (C, O/groups, *kernel) give (N, O, *sizes).

    `output_shape`, or SAME padding (n·s units), says how large the result is; what is too much is then cut off.
    """
    rank, groups = x.ndim - 2, call.get("group", 1)
    if groups < 1 or x.shape[1] != weight.shape[0] or x.shape[1] % groups:
        raise UsageError(
            Problem(f"ConvTranspose of {x.shape[1]} channels by a weight of {weight.shape} in {groups} groups")
        )
    windows = windows_of(call, x, weight.shape[2:])
    extra = list(call.get("output_padding", (0,) * rank))
    sides = _cut_off(call, x, windows, extra)
    whole = [
        (n - 1) * s + span_of(k, d) + more
        for n, k, s, d, more in zip(x.shape[2:], windows.kernel, windows.stride, windows.dilation, extra, strict=True)
    ]
    call.room((len(x), weight.shape[1] * groups, *whole), x.dtype)
    return product.conv_transpose(x, weight, bias, windows.stride, sides, extra, windows.dilation, groups)


def _cut_off(call: Call, x: Array, windows: Windows, extra: list[int]) -> list[tuple[int, int]]:
    """What is cut off at both sides of each axis; what a stated output has too many is written to `extra`."""
    kind, stated = call.get("auto_pad", "NOTSET"), call.get("output_shape", None)
    if stated is None and not kind.startswith("SAME"):
        return list(windows.sides)
    wanted = [n * s for n, s in zip(x.shape[2:], windows.stride, strict=True)] if stated is None else stated
    sides = []
    for axis, (n, k, s, d, size) in enumerate(
        zip(x.shape[2:], windows.kernel, windows.stride, windows.dilation, wanted[-len(windows.kernel) :], strict=True)
    ):
        total = (n - 1) * s + span_of(k, d) + extra[axis] - size
        extra[axis] += max(-total, 0)
        sides.append(halves(max(total, 0), kind == "SAME_UPPER"))
    return sides


OPERATORS: dict[str, Callable[..., Array]] = {"Conv": conv, "ConvTranspose": conv_transpose}
