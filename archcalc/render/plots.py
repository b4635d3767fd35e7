"""Analyses → pictures: which chart or drawing is made of what, by the words of `archcalc plot`."""

from collections.abc import Callable, Sequence
from typing import Any

from archcalc.analysis.timeline import SCRATCHES
from archcalc.analysis.training import OPTIMIZERS
from archcalc.analysis.whole import Analysis
from archcalc.errors import Problem, UsageError, did_you_mean, enumerate_words, printable
from archcalc.render import charts
from archcalc.space.spelling import Spelling
from archcalc.space.steps import TIMELINES, Assumed, laid_out, training_step


class Look(Assumed, frozen=True):
    """What is plotted, and the options that only some pictures have; those of `Assumed` are about timelines."""

    what: str = "drawing"
    model: str = "peak"
    on: str | None = None
    depth: int | None = None
    fold: bool = True
    metric: str | None = None
    dark: bool = False

    @property
    def ground(self) -> Any:
        return "dark" if self.dark else "light"


def plotted(analyses: Sequence[Analysis], look: Look) -> Any:
    """The picture that a look is right about (see `check`): the text of an SVG, or a chart of altair's."""
    if look.what == "bubble":
        from archcalc.views.charts import bubbles

        return charts.bubbles(bubbles(analyses, look.metric or "top1"), look.ground)
    return _PICTURES[look.what](analyses[0], look)


def check(look: Look, count: int, spell: Spelling) -> None:
    """Whether every option is about the picture, of so many networks. Raises UsageError with all that are not."""
    if not count:
        raise UsageError(Problem("there is no network to picture"))
    problems = []
    for what, word, known in (
        ("picture", look.what, WHAT),
        ("model of a timeline", look.model, TIMELINES),
        ("optimizer", look.optimizer, (None, *OPTIMIZERS)),
        ("scratch", look.scratch, (None, *SCRATCHES)),
        ("accuracy", look.metric, (None, "top1", "top5")),
    ):
        if word not in known:
            near = did_you_mean(str(word), [name for name in known if name])
            problems.append(Problem(f"there is no {what} '{printable(str(word), 40)}'", None, near))
    if problems:
        raise UsageError(problems)
    if look.what != "bubble" and count > 1:
        problems.append(
            Problem(f"{look.what} is a picture of one network", None, f"{spell('what', 'bubble')} compares several")
        )
    for name, given, pictures in (
        ("on", look.on is not None, ("roofline",)),
        ("depth", look.depth is not None, ("drawing", "params", "macs")),
        ("no-fold", not look.fold, ("drawing",)),
        ("metric", look.metric is not None, ("bubble",)),
        *((name, True, ("timeline",)) for name in look.given),
        ("model", look.model != "peak", ("timeline",)),
    ):
        if given and look.what not in pictures:
            words = enumerate_words(pictures, "or")
            problems.append(Problem(f"{spell(name, '')} is not about {look.what}", None, spell("what", words)))
    if look.what == "timeline":
        problems += look.misplaced(look.model, spell)
    if look.what == "roofline" and look.on is None:
        from archcalc.space.hardware import names

        problems.append(Problem("a roofline is that of a processor", None, spell("on", enumerate_words(names(), "or"))))
    if problems:
        raise UsageError(problems)


def _drawing(analysis: Analysis, look: Look) -> str:
    from archcalc.render.drawing import render
    from archcalc.views.drawing import picture

    return render(picture(analysis, look.depth, look.fold))


def _timeline(analysis: Analysis, look: Look) -> Any:
    from archcalc.views.charts import memory_over_time

    network, batch, dtype = analysis.graph, analysis.batch, analysis.dtype
    if look.model == "train":
        step = training_step(network, batch, dtype, look)
        words = [f"train, {step.optimizer}", *(["mixed precision"] if look.mixed else [])]
        words += [f"keeping every {look.checkpoint} blocks"] if look.checkpoint else []
        data = memory_over_time(analysis, step.timeline, ", ".join(words), step.constant_bytes)
    else:
        words = [look.model, *([f"scratch {look.scratch}"] if look.scratch else [])]
        words += ["reordered"] if look.reorder else []
        data = memory_over_time(analysis, laid_out(network, batch, dtype, look.model, look).timeline, ", ".join(words))
    return charts.memory_over_time(data, look.ground)


def _field(analysis: Analysis, look: Look) -> Any:
    from archcalc.views.charts import field_growth

    return charts.field_growth(field_growth(analysis), look.ground)


def _shares(analysis: Analysis, look: Look) -> Any:
    from archcalc.views.charts import shares

    return charts.shares(shares(analysis, look.what, look.depth), look.ground)


def _roofline(analysis: Analysis, look: Look) -> Any:
    from archcalc.analysis.roofline import roofline
    from archcalc.space.hardware import read_hardware
    from archcalc.views.charts import roofline_points

    roof = roofline(analysis, read_hardware(look.on or ""))
    return charts.roofline(roofline_points(analysis, roof), look.ground)


_PICTURES: dict[str, Callable[[Analysis, Look], Any]] = {
    "drawing": _drawing,
    "timeline": _timeline,
    "rf": _field,
    "params": _shares,
    "macs": _shares,
    "roofline": _roofline,
}
WHAT = (*_PICTURES, "bubble")
