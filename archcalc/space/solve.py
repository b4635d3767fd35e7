"""The largest, or the smallest, value of one number of a network under which conditions hold: exact, and why.

Nothing is assumed about how a quantity changes: widths that are rounded to multiples, floors and conditions of a spec
make it fall and rise. So every value is tried from the wanted end, many at once, and the first that holds is the
answer, which is then analysed by itself. Of the batch more is known: every quantity is q(1) + (b − 1)·s with a fixed s
(`archcalc.analysis.cost`, `memory`), so a comparison changes its truth only where two such lines cross, and only the
values on either side of one are tried.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from archcalc.errors import Problem, UsageError
from archcalc.space.answer import Member, Solution
from archcalc.space.members import Members
from archcalc.space.passes import many_members, one_member
from archcalc.space.terms import And, Condition, Not, Part, Term
from archcalc.spec.ranges import Range

MOST = 100_000
_AT_FIRST, _AT_ONCE = 16, 4096  # values that are looked at together: few, then twice as many each time
SHOWN = ("params", "macs", "peak_activation_bytes")
"""What is told of the answer besides the quantities that are asked about."""


def solve(
    members: Members,
    values: Sequence[Any] | Range,
    conditions: tuple[Condition, ...],
    smallest: bool = False,
    progress: Callable[[float], None] = lambda share: None,
) -> Solution:
    """The largest (or smallest) of `values`, which ascend, under which all conditions hold.

    Raises UsageError for more than `MOST` values, and for a condition on a quantity that a member does not have.
    """
    search = _Search(members, conditions)
    count = len(values)
    places: Iterable[int] = range(count) if smallest else range(count - 1, -1, -1)
    if members.target.kind == "batch":
        places = sorted(search.crossings(values), reverse=not smallest)
    elif count > MOST:
        hint = "a --range with larger steps"
        raise UsageError(Problem(f"{count:,} values are more than the {MOST:,} that are tried", None, hint))
    found = search.first(values, list(places), progress)
    if found is None:
        return Solution(None, None, (), search.nearest(), *search.counts())
    step = found - 1 if smallest else found + 1
    beyond = search.alone(_at(values, step)) if 0 <= step < count else None
    answer = search.alone(_at(values, found))
    binding = () if beyond is None or beyond.problem else tuple(_binding(conditions, answer.values, beyond.values))
    return Solution(answer, beyond, binding, None, *search.counts())


def _at(values: Sequence[Any] | Range, place: int) -> Any:
    return values.value(place) if isinstance(values, Range) else values[place]


class _Search:
    """What has been tried so far. Mutable while it runs, and dropped then."""

    def __init__(self, members: Members, conditions: tuple[Condition, ...]) -> None:
        self.members = members
        self.conditions = conditions
        self.keys = tuple(dict.fromkeys([name for one in conditions for name in one.names] + [*SHOWN]))
        self.known: dict[Any, Member] = {}

    def alone(self, value: Any) -> Member:
        """The member of a value, analysed by itself."""
        self.known[value] = one_member(self.members, value, self.keys)
        return self.known[value]

    def first(self, values: Sequence[Any] | Range, places: list[int], progress: Callable[[float], None]) -> int | None:
        """The first of the places whose value holds, looked at in blocks."""
        start, size = 0, _AT_FIRST
        while start < len(places):
            progress(start / len(places))
            block = {place: _at(values, place) for place in places[start : start + size]}
            found: Iterable[Member]
            if self.members.target.kind == "batch":
                found = (one_member(self.members, value, self.keys) for value in block.values())
            else:
                found = many_members(self.members, list(block.values()), self.keys)
            self.known.update((member.value, member) for member in found)
            for place, value in block.items():
                if self.holds(self.known[value]):
                    return place
            start, size = start + size, min(2 * size, _AT_ONCE)
        return None

    def holds(self, member: Member) -> bool:
        return not member.problem and all(condition.holds(member.values) for condition in self.conditions)

    def crossings(self, values: Sequence[Any] | Range) -> set[int]:
        """The places in a range of batches next to which any comparison may change its truth, and both ends."""
        first, second = (one_member(self.members, batch, self.keys).values for batch in (1, 2))
        places = {0, len(values) - 1}
        for term in (term for condition in self.conditions for term in condition.terms):
            start = Fraction(term.value(first) - term.limit(first))
            slope = Fraction(term.value(second) - term.limit(second)) - start
            if slope:
                crossing = 1 - start / slope
                place = math.floor((crossing - _at(values, 0)) / _step(values))
                places |= {near for near in range(place - 1, place + 3) if 0 <= near < len(values)}
        return places

    def nearest(self) -> Member | None:
        """The member whose worst condition is missed by the smallest share."""
        possible = [member for member in self.known.values() if not member.problem]
        return min(possible, key=self._miss, default=None)

    def _miss(self, member: Member) -> float:
        return max(_distance(condition.root, member.values, True) for condition in self.conditions)

    def counts(self) -> tuple[int, int, Member | None]:
        """How many were tried, how many of them are no networks, and one of those."""
        impossible = [member for member in self.known.values() if member.problem]
        return len(self.known), len(impossible), impossible[-1] if impossible else None


def _step(values: Sequence[Any] | Range) -> int:
    return int(values.step) if isinstance(values, Range) else 1


def _distance(part: Part, values: Mapping[str, Any], wanted: bool) -> float:
    """By which share of their limits comparisons miss what they have to be; 0 where nothing is missed."""
    if isinstance(part, Term):
        if bool(part.holds(values)) == wanted:
            return 0.0
        limit = Fraction(part.limit(values))
        away = abs(Fraction(part.value(values)) - limit)
        return float(away / abs(limit)) if limit else math.inf
    if isinstance(part, Not):
        return _distance(part.part, values, not wanted)
    parts = [_distance(inner, values, wanted) for inner in part.parts]
    return max(parts) if isinstance(part, And) == wanted else min(parts)


def _binding(conditions: tuple[Condition, ...], answer: Mapping[str, Any], beyond: Mapping[str, Any]) -> Iterator[Term]:
    """The comparisons that are true of the answer, are not of what lies beyond, and belong to what fails there."""
    for condition in conditions:
        if not condition.holds(beyond):
            yield from (term for term in condition.terms if bool(term.holds(answer)) != bool(term.holds(beyond)))


def default_values(members: Members) -> Sequence[Any] | Range:
    """What is tried where nobody says: the range of a design space; batches up to 2^20; inputs up to 1024, other whole
    numbers up to 64, or four times the present value. Raises UsageError for what is no whole number and has no range.
    """
    target = members.target
    given = members.spec.ranges.get(target.name) if target.kind == "variable" and target.part is None else None
    if isinstance(given, Range):
        return given
    if given is not None:
        return sorted_numbers(given, target.shown)
    current = members.current
    if target.kind == "batch":
        return range(1, 2**20 + 1)
    if isinstance(current, int) and not isinstance(current, bool):
        least = 1024 if target.kind == "input" else 64
        return range(1, min(MOST, max(least, 4 * current)) + 1)
    message = f"{target.shown} is no whole number: what it may be has to be said"
    raise UsageError(Problem(message, None, "--range low:high:step, such as --range 0.25:2:0.25"))


def sorted_numbers(values: Iterable[Any], shown: str) -> list[Any]:
    """A list of values in ascending order. Raises UsageError where they are no numbers."""
    found = list(values)
    if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in found):
        raise UsageError(Problem(f"{shown} takes values that are no numbers: none is the largest"))
    return sorted(set(found))
