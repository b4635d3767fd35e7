"""Plain data → charts in the language of Vega-Lite, written with altair.

Every axis names what it shows and its unit, colours differ in lightness so that grey shows them, and what is marked is
named beside its mark. Numbers in a chart are those of the analyses; only axes round.
"""

from math import log10, sqrt
from typing import Any, Literal

from msgspec.structs import asdict

from archcalc.extras import need
from archcalc.render.beside import LARGEST, Frame, places
from archcalc.views.charts import Bubbles, FieldGrowth, Heading, MemoryOverTime, RooflinePoints, Shares

Ground = Literal["light", "dark", "page"]
"""On white, on black, or on the page that the chart is put into, with its colour of text."""

WIDTH, HEIGHT = 720, 400
_FONT = "Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif"
_INKS = {"light": ("#1a1a1a", "#ffffff"), "dark": ("#f0f0f0", "#121212"), "page": ("currentColor", "transparent")}
_BANDS = ("#08306b", "#fdae6b", "#2171b5", "#e6550d", "#6baed6", "#fdd0a2", "#4a1486", "#c6dbef")
_REST = "#bdbdbd"
_ACCENT, _SECOND = "#d95f0e", "#3182bd"
_BYTES = (
    "datum.value >= 1073741824 ? format(datum.value / 1073741824, '.3~f') + ' GiB' : "
    "datum.value >= 1048576 ? format(datum.value / 1048576, '.3~f') + ' MiB' : "
    "datum.value >= 1024 ? format(datum.value / 1024, '.3~f') + ' KiB' : format(datum.value, ',') + ' B'"
)


def memory_over_time(data: MemoryOverTime, ground: Ground = "light") -> Any:
    """The pile of every step; a line at the peak says how much it is, and of which layer."""
    alt = _altair()
    rows = [{**asdict(band), "until": band.step + 1, "bytes": band.high - band.low} for band in data.bands]
    last = data.bands[-1].step if data.bands else 0
    colours = [_REST if name == data.names[-1] else _BANDS[i % len(_BANDS)] for i, name in enumerate(data.names)]
    bands = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_rect(strokeWidth=0.3 if last < 120 else 0.0, stroke="#606060")
        .encode(
            x=alt.X("step:Q", title="step: one layer computed after another", scale=alt.Scale(nice=False)),
            x2="until:Q",
            y=alt.Y(
                "low:Q",
                title="alive, bytes",
                scale=alt.Scale(domain=[0, data.peak_bytes * 1.1 or 1], nice=False),
                axis=alt.Axis(values=_binary_ticks(data.peak_bytes), labelExpr=_BYTES),
            ),
            y2="high:Q",
            color=alt.Color(
                "name:N",
                title="largest at the peak",
                scale=alt.Scale(domain=list(data.names), range=colours),
                legend=alt.Legend(labelLimit=240),
            ),
            tooltip=["layer:N", "name:N", alt.Tooltip("bytes:Q", format=",")],
        )
    )
    mark = [{"step": data.peak_step + 0.5, "bytes": data.peak_bytes, "text": f"peak {data.peak_bytes:,} B"}]
    peak = alt.Chart(alt.InlineData(values=mark))
    line = peak.mark_rule(strokeDash=[5, 3], color=_INKS[ground][0]).encode(y="bytes:Q")
    right = data.peak_step * 2 < max(1, last)
    text = peak.mark_text(
        align="left" if right else "right", baseline="bottom", dx=8 if right else -8, dy=-3, color=_INKS[ground][0]
    ).encode(x="step:Q", y="bytes:Q", text="text:N")
    point = peak.mark_point(shape="triangle-down", filled=True, size=70, yOffset=-6, color=_INKS[ground][0]).encode(
        x="step:Q", y="bytes:Q"
    )
    return _finished(alt.layer(bands, line, point, text), data.heading, ground)


def _binary_ticks(most: int) -> list[int]:
    """Four to eight round numbers of bytes up to the most: multiples of a power of two."""
    step = 1
    while most // step > 8:
        step *= 2
    return list(range(0, most + 1, step))


def field_growth(data: FieldGrowth, ground: Ground = "light") -> Any:
    """Size over layers in the order of execution, a line an axis; the input's size is marked."""
    alt = _altair()
    rows = [asdict(field) for field in data.layers]
    ink = _INKS[ground][0]
    several = len(data.input) > 1
    shape = (
        alt.Color("axis:N", title="axis", scale=alt.Scale(range=[_ACCENT, _SECOND, ink]))
        if several
        else alt.value(_SECOND)
    )
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("step:Q", title="layer, in the order of execution"),
        y=alt.Y("size:Q", title="receptive field, pixels of the input"),
        color=shape,
        **({"strokeDash": alt.StrokeDash("axis:N")} if several else {}),
        tooltip=["layer:N", "kind:N", "size:Q", "stride:Q"],
    )
    sizes = [{"size": size, "text": f"input: {size}"} for size in sorted({size for _, size in data.input})]
    marked = alt.Chart(alt.InlineData(values=sizes))
    rule = marked.mark_rule(strokeDash=[5, 3], color=ink).encode(y="size:Q")
    name = marked.mark_text(align="left", baseline="bottom", dx=4, dy=-2, color=ink).encode(
        x=alt.value(0), y="size:Q", text="text:N"
    )
    lines = base.mark_line(interpolate="step-after", strokeWidth=1.5)
    return _finished(alt.layer(lines, base.mark_point(filled=True, size=28), rule, name), data.heading, ground)


def shares(data: Shares, ground: Ground = "light") -> Any:
    """A bar for each layer or scope, from top to bottom in the order of execution, its number beside it."""
    alt = _altair()
    rows = [
        {"name": b.name, "value": b.value, "text": f"{b.value:,}  {_percent(b.value, data.total)}"} for b in data.bars
    ]
    most = max((bar.value for bar in data.bars), default=0)
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("name:N", title=None, sort=[bar.name for bar in data.bars], axis=alt.Axis(labelLimit=260)),
        x=alt.X(
            "value:Q",
            title=data.quantity,
            axis=alt.Axis(format="~s"),
            scale=alt.Scale(domain=[0, most * 1.2 or 1], nice=False),
        ),
    )
    bars = base.mark_bar(color=_SECOND)
    texts = base.mark_text(align="left", dx=4, color=_INKS[ground][0], fontSize=11).encode(text="text:N")
    return _finished(alt.layer(bars, texts), data.heading, ground, height=max(60, 18 * len(rows)))


def _percent(value: int, total: int) -> str:
    return f"{100 * value / total:.1f}%" if total else ""


def roofline(data: RooflinePoints, ground: Ground = "light", named: int = 6) -> Any:
    """Layers on the roof, both axes logarithmic: the area is the least time; the slowest are named."""
    alt = _altair()
    ink = _INKS[ground][0]
    lowest = min([data.ridge, *(point.intensity for point in data.points)]) / 2
    highest = max([data.ridge, *(point.intensity for point in data.points)]) * 2
    roof = [
        {"intensity": at, "rate": min(data.peak, data.bandwidth * at)} for at in sorted({lowest, data.ridge, highest})
    ]
    x = alt.X(
        "intensity:Q",
        title="arithmetic intensity, FLOPs a byte moved",
        scale=alt.Scale(type="log", domain=[lowest, highest], nice=False),
        axis=alt.Axis(labelExpr=_logarithmic("~g"), grid=True),
    )
    y = alt.Y(
        "rate:Q",
        title="attainable, FLOP/s",
        scale=alt.Scale(type="log", domain=[roof[0]["rate"] / 2, data.peak * 2], nice=False),
        axis=alt.Axis(labelExpr=_logarithmic("~s")),
    )
    line = alt.Chart(alt.InlineData(values=roof)).mark_line(color=ink, strokeWidth=2).encode(x=x, y=y)
    ridge = [{"intensity": data.ridge, "rate": data.peak, "text": f"ridge: {data.ridge:.3g} FLOPs a byte"}]
    tip = (
        alt.Chart(alt.InlineData(values=ridge))
        .mark_text(align="right", baseline="bottom", dy=-6, color=ink)
        .encode(x=x, y=y, text="text:N")
    )
    rows = [{**asdict(point), "ms": 1e3 * point.seconds} for point in data.points]
    points = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_point(filled=True, opacity=0.7, stroke=ink, strokeWidth=0.6)
        .encode(
            x=x,
            y=y,
            size=alt.Size(
                "ms:Q",
                title="time ≥, ms",
                scale=alt.Scale(range=[15, 450]),
                legend=alt.Legend(tickCount=4, format=".2~g", symbolFillColor="#808080"),
            ),
            color=alt.Color(
                "bound:N",
                title="bound by",
                scale=alt.Scale(domain=["arithmetic", "memory"], range=["#08519c", "#fdae6b"]),
            ),
            shape=alt.Shape("bound:N", scale=alt.Scale(domain=["arithmetic", "memory"], range=["circle", "square"])),
            tooltip=["layer:N", "bound:N", alt.Tooltip("intensity:Q", format=".3g"), alt.Tooltip("ms:Q", format=".3g")],
        )
    )
    names = alt.Chart(alt.InlineData(values=_named(data, named, (lowest, highest)))).encode(x=x)
    leaders = names.mark_rule(strokeWidth=0.6, color=ink).encode(y="rate:Q", y2="at:Q")
    texts = [
        names.transform_filter(alt.datum.side == side)
        .mark_text(align=side, baseline="middle", dx=5 if side == "left" else -5, color=ink, fontSize=11)
        .encode(y="at:Q", text="text:N")
        for side in ("left", "right")
    ]
    return _finished(alt.layer(leaders, line, tip, points, *texts), data.heading, ground)


def _named(data: RooflinePoints, count: int, across: tuple[float, float]) -> list[dict[str, Any]]:
    """The slowest layers, each with the height at which its name stands below the roof, one below another, and the
    side that is open to it."""
    slowest = sorted(sorted(data.points, key=lambda point: -point.seconds)[:count], key=lambda point: point.intensity)
    middle = sqrt(across[0] * across[1])
    found, right = [], [point for point in slowest if point.intensity >= middle]
    for side, points in (("left", [p for p in slowest if p.intensity < middle][::-1]), ("right", right)):
        for place, point in enumerate(points, start=1):
            at = min(point.rate, points[0].rate) / 1.55 ** (place + 1)
            found.append(
                {"intensity": point.intensity, "rate": point.rate, "at": at, "side": side, "text": point.layer}
            )
    return found


def _logarithmic(form: str) -> str:
    """Labels at powers of ten alone: the others stand too near."""
    return f"abs(log(datum.value) / LN10 - round(log(datum.value) / LN10)) < 1e-6 ? format(datum.value, '{form}') : ''"


def bubbles(data: Bubbles, ground: Ground = "light") -> Any:
    """The lecture's picture: accuracy over operations, the area of a bubble its parameters, its name beside it."""
    alt = _altair()
    ink = _INKS[ground][0]
    frame = Frame.around(data.bubbles, WIDTH, HEIGHT)
    x = alt.X(
        "macs:Q",
        title="operations of one forward pass, MACs",
        scale=alt.Scale(type="log" if frame.logarithmic else "linear", domain=list(frame.across), nice=False),
        axis=alt.Axis(format="~s", **({"tickCount": 8} if frame.logarithmic else {})),
    )
    y = alt.Y("accuracy:Q", title=data.metric, scale=alt.Scale(domain=list(frame.up), nice=False))
    most = max(bubble.params for bubble in data.bubbles)
    base = alt.Chart(alt.InlineData(values=[asdict(bubble) for bubble in data.bubbles]))
    circles = base.mark_point(filled=True, opacity=0.55, color=_SECOND, stroke=ink, strokeWidth=0.8).encode(
        x=x,
        y=y,
        size=alt.Size(
            "params:Q",
            title="parameters",
            scale=alt.Scale(domain=[0, most], range=[0, LARGEST]),
            legend=alt.Legend(format="~s", symbolFillColor=_SECOND, values=_round_values(most)),
        ),
        tooltip=[
            "name:N",
            "accuracy:Q",
            alt.Tooltip("macs:Q", format=","),
            alt.Tooltip("params:Q", format=","),
            "source:N",
        ],
    )
    names = [
        alt.Chart(alt.InlineData(values=[{"macs": bubble.macs, "accuracy": bubble.accuracy, "name": bubble.name}]))
        .mark_text(align=align, baseline="middle", dx=dx, dy=dy, color=ink)
        .encode(x=x, y=y, text="name:N")
        for bubble, (align, dx, dy) in zip(data.bubbles, places(data.bubbles, frame), strict=True)
    ]
    return _finished(alt.layer(circles, *names), data.heading, ground)


def _round_values(most: int) -> list[float]:
    """Three sizes for the legend."""
    top = 10 ** int(log10(max(1, most)))
    return [value for value in (top / 10, top / 2, top, 2 * top, 5 * top) if value <= most][-3:]


def _altair() -> Any:
    return need("altair", "altair", "plot", "a chart")


def _finished(chart: Any, heading: Heading, ground: Ground, height: int = HEIGHT) -> Any:
    """The chart with its title, size and colours."""
    ink, paper = _INKS[ground]
    alt = _altair()
    title = alt.TitleParams(
        heading.title, subtitle=list(heading.lines), anchor="start", fontSize=16, subtitleFontSize=11, offset=12
    )
    faint = {"light": "#d8d8d8", "dark": "#404040", "page": "#80808060"}[ground]
    return (
        chart.properties(width=WIDTH, height=height, title=title, background=paper, padding=12)
        .configure(font=_FONT)
        .configure_title(color=ink, subtitleColor=ink)
        .configure_axis(
            labelColor=ink,
            titleColor=ink,
            tickColor=ink,
            domainColor=ink,
            gridColor=faint,
            labelFontSize=11,
            titleFontSize=12,
        )
        .configure_legend(labelColor=ink, titleColor=ink, symbolStrokeColor=ink)
        .configure_view(stroke=faint)
    )
