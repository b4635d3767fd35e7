"""What exporters took apart, put back together: each pattern replaces the last of its layers by the one it was."""

from collections.abc import Callable, Mapping

from archcalc.formats.importer.draft import Sketch
from archcalc.formats.importer.patterns import activations, attention, learned, moves, norms

Pattern = Callable[[Sketch, int], bool]
"""Look at the layer at a position; replace it, and say so, where it ends what is looked for."""

PASSES: tuple[Mapping[str, tuple[Pattern, ...]], ...] = (
    moves.TIDY,
    learned.BIASES,
    activations.PATTERNS,
    norms.PATTERNS,
    learned.SCALES,
    moves.PATTERNS,
    attention.PATTERNS,
    moves.TIDY,
)
"""By pass and by the keyword of the last layer."""


def recognise(sketch: Sketch) -> None:
    """All patterns on all layers, pass by pass, each as often as it finds something."""
    for patterns in PASSES:
        for position in range(len(sketch.drafts)):
            while any(pattern(sketch, position) for pattern in patterns.get(sketch.drafts[position].op.keyword, ())):
                pass
