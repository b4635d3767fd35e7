"""What solve finds, as plain data: a value, the quantities of its network, and why it is no larger."""

from typing import Any

from msgspec import Struct

from archcalc.space.terms import Term


class Member(Struct, frozen=True):
    """A value and the quantities of the network it gives; `problem` says why it gives none."""

    value: Any
    values: dict[str, Any]
    problem: str = ""


class Solution(Struct, frozen=True):
    """What was found.

    `answer` is the wanted value; `beyond` the next one in the wanted direction, under which the conditions do not hold,
    None at the end of the range; `binding` the comparisons that keep it from holding. Without an answer `nearest` is
    the member that misses by least. `tried` values were analysed, `impossible` of them gave no network.
    """

    answer: Member | None
    beyond: Member | None
    binding: tuple[Term, ...]
    nearest: Member | None
    tried: int
    impossible: int
    example: Member | None
