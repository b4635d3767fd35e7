"""rf --effective: how the paths to one unit are spread over the input, as a picture and in figures."""

import shutil
import sys
from typing import Any

import numpy as np

from archcalc.analysis.whole import Analysis
from archcalc.cli.options import Output
from archcalc.cli.output import chosen_format, emit, has_signs, write
from archcalc.errors import Problem, UsageError, printable
from archcalc.files import write_whole
from archcalc.forward.effective import EffectiveField, blocks, effective_field
from archcalc.render import heat
from archcalc.views import effective as views

_WIDTH, _HEIGHT = 64, 80  # cells: a map with its frame fits a terminal of 80 columns, and is not much higher
_SMALL = 32  # a map of fewer pixels is magnified
_FINEST = 1024  # pixels of a PNG on either side


def show(analysis: Analysis, layer: str | None, unit: str | None, output: Output) -> None:
    """Write the effective receptive field in the form that the options ask for."""
    field = effective_field(analysis.graph, layer, None if unit is None else _unit(unit), analysis.fields)
    figures = _figures(field)
    table = views.table(analysis, figures)
    path = "" if output.path is None or output.format else output.path
    if path.lower().endswith(".npy"):
        write_whole(path, lambda file: np.save(file, field.paths))
    elif path.lower().endswith(".png"):
        picture = _png(analysis, field, figures)
        write_whole(path, lambda file: file.write(picture))
    elif (kind := chosen_format(output)) == "table":
        heat.render(_heat(field, shutil.get_terminal_size().columns), sys.stdout, output.ascii or not has_signs("░▀┬"))
        sys.stdout.write("\n")
        emit(table, output, dict)
    elif kind == "plain":
        from archcalc.render import plain

        signless = output.ascii or (output.path is None and not has_signs("░▀┬"))
        shades = "\n".join(heat.shaded(_heat(field, sys.maxsize), signless))
        write(f"{shades}\n\n{plain.render(table, output.si)}", output)
    else:
        emit(table, output, lambda: _document(analysis, field, figures))


def _unit(text: str) -> tuple[int, ...]:
    """`3,3` as a place on the map. Raises UsageError."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        message = f"'{printable(text, 60)}' is not a unit"
        raise UsageError(
            Problem(message, None, "such as --unit 3,3: its row and its column on the layer's map")
        ) from None


def _figures(field: EffectiveField) -> views.Figures:
    squares = tuple(field.square(share) for share in views.SHARES)
    shape = field.paths.shape
    return views.Figures(
        field.layer, field.unit, shape, field.window, squares, field.deviation, field.ratio, field.inside
    )


def _heat(field: EffectiveField, columns: int) -> views.Heat:
    """A picture that is at most `columns` wide; a map of one axis is a strip."""
    plane = field.plane
    height, width = plane.shape
    room = max(8, min(_WIDTH, columns - 2))
    side = max(-(-width // room), -(-height // _HEIGHT))
    times = _SMALL // max(width, height) // 2 * 2 or 1  # even, as two cells make a character
    cells = blocks(plane, side)
    cells = (cells / cells.max()).repeat(times, axis=1).repeat(times if height > 1 else 4, axis=0)
    window = field.window[-2:]
    ends = tuple(
        tuple(at // side * times + (times - 1 if last else 0) if 0 <= at < n else None for last, at in enumerate(pair))
        for pair, n in zip(window, field.paths.shape[-2:], strict=True)
    )
    rows = tuple(map(tuple, cells.tolist()))
    return views.Heat(rows, ends, _legend(field, side, times))  # type: ignore[arg-type]


def _legend(field: EffectiveField, side: int, times: int) -> str:
    """How many pixels a character is, or how many characters a pixel."""
    if field.paths.ndim == 1:
        return f"a character is {side} pixels" if times == 1 else f"a pixel is {times} characters"
    depth = ", summed over the depth" if field.paths.ndim > 2 else ""
    if times > 1:
        return f"a pixel is {times}×{times // 2} characters{depth}"
    return f"a character is {side}×{2 * side} pixels{depth}"


def _png(analysis: Analysis, field: EffectiveField, figures: views.Figures) -> bytes:
    from archcalc.render import picture

    side = -(-max(field.plane.shape) // _FINEST)
    cells = blocks(field.plane, side)
    if len(cells) == 1:
        cells = cells.repeat(max(1, cells.shape[1] // 8), axis=0)
    rows = (cells / cells.max()).tolist()
    box = tuple((first / side, (last + 1) / side) for first, last in field.window[-2:])
    square = tuple(_centred(first, last, figures.squares[-1], side) for first, last in field.window[-2:])
    if field.paths.ndim == 1:
        box, square = ((0, len(cells)), *box), ((0, len(cells)), *square)
    return picture.png(rows, (box, square), views.caption(analysis, figures, side))


def _centred(first: int, last: int, size: int, side: int) -> tuple[float, float]:
    """Where a square of a size begins and ends around the middle of a field, in blocks of pixels."""
    middle = (first + last + 1) / 2
    return (middle - size / 2) / side, (middle + size / 2) / side


def _document(analysis: Analysis, field: EffectiveField, figures: views.Figures) -> dict[str, Any]:
    from archcalc.views.document import document

    return {**document(analysis), "effective_receptive_field": views.document(figures, field.paths.tolist())}
