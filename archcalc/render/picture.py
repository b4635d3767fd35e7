"""Rows of values → a PNG, by Pillow."""

import io
from collections.abc import Sequence

from archcalc.extras import need
from archcalc.render.cells import ASCII
from archcalc.render.heat import colour_of

_SMALLEST = 512  # pixels on the longer side: small maps are magnified by a whole factor
_MARGIN = 8
_LINE = 18
_BLANK = (255, 255, 255)
_INK = (0, 0, 0)
_EDGE = (160, 160, 160)
Box = tuple[tuple[float, float], ...]
"""Where a frame begins and ends on the rows and on the columns, counted in pixels; it may lie beyond the picture."""


def png(rows: Sequence[Sequence[float]], boxes: Sequence[Box], caption: Sequence[str]) -> bytes:
    """A picture of values between 0 and 1, white where they are 0, a black and a white frame in it, the caption below.

    The caption is in the file's `Description` too. Raises UsageError without Pillow.
    """
    what = "A picture"
    image, draw, font, info = (
        need(f"PIL.{name}", "Pillow", "image", what) for name in ("Image", "ImageDraw", "ImageFont", "PngImagePlugin")
    )
    height, width = len(rows), len(rows[0])
    scale = max(1, _SMALLEST // max(height, width))
    # 0 is kept for where there is nothing; what is more than nothing is told from it however little it is.
    levels = bytes(1 + round(value * 254) if value else 0 for row in rows for value in row)
    heat = image.frombytes("P", (width, height), levels)
    heat.putpalette([*_BLANK, *(part for level in range(255) for part in colour_of(level / 254))])
    heat = heat.convert("RGB").resize((width * scale, height * scale), image.Resampling.NEAREST)
    for box, colour in zip(boxes, (_INK, _BLANK), strict=True):
        (top, bottom), (left, right) = (tuple(round(scale * edge) for edge in ends) for ends in box)
        draw.Draw(heat).rectangle((left, top, right - 1, bottom - 1), outline=colour)
    letters = font.load_default(13)
    lines = [line.translate(ASCII) for line in caption]  # the letters that come with Pillow have no ×
    wide = max(heat.width, *(round(letters.getlength(line)) for line in lines)) + 2 * _MARGIN
    page = image.new("RGB", (wide, heat.height + 3 * _MARGIN + _LINE * len(lines)), _BLANK)
    page.paste(heat, (_MARGIN, _MARGIN))
    pen = draw.Draw(page)
    pen.rectangle((_MARGIN - 1, _MARGIN - 1, _MARGIN + heat.width, _MARGIN + heat.height), outline=_EDGE)
    for number, line in enumerate(lines):
        pen.text((_MARGIN, heat.height + 2 * _MARGIN + number * _LINE), line, fill=_INK, font=letters)
    text = info.PngInfo()
    text.add_itxt("Description", "\n".join(caption))
    file = io.BytesIO()
    page.save(file, "PNG", pnginfo=text)
    return file.getvalue()
