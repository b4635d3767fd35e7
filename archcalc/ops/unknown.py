"""What stands in a network for an operator that is not ours."""

from typing import ClassVar

from archcalc.ops.base import NO_WORK, SAVES_NOTHING, Gap, Op, Reads, Saved, Shape, Shapes, Weights, Work


class Unknown(Op, frozen=True):
    """An operator of a model file that is not ours: what it is called there, and the shape that it gives.

    It is no operator of specs. What it computes and stores is not known: every total that it is part of is a least.
    """

    keyword: ClassVar[str] = "unknown"
    arity: ClassVar[int | None] = None
    fewest: ClassVar[int] = 0
    known: ClassVar[bool] = False

    kind: str
    shape: tuple[int, ...]

    @property
    def title(self) -> str:
        return f"? {self.kind}"

    def output(self, inputs: Shapes) -> Shape:
        return self.shape

    def weights(self, inputs: Shapes) -> Weights:
        return ()

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return NO_WORK

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        gap = Gap(f"what {self.kind} reads is not known")
        return tuple(tuple(gap for _ in output) for _ in inputs)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_NOTHING
