"""Drafts of nodes → nodes: what names mean, now that all names are known."""

from msgspec import Struct

from archcalc.build.names import Cursor, Member, Reference, Scope, unknown_name
from archcalc.errors import Problem, printable
from archcalc.graph import Node
from archcalc.ops.base import Op
from archcalc.spec.model import Call


class Draft(Struct):
    """A node whose inputs may still be names."""

    op: Op
    inputs: tuple[Cursor, ...]
    call: Call | None
    member: Member
    scope: Scope
    shares: Reference | None = None


def resolve(drafts: list[Draft], scopes: list[Scope], problems: list[Problem], broken: set[int]) -> list[Node]:
    """The nodes of all drafts. What names mean nothing is noted in `problems`, the nodes that say them in `broken`."""
    for scope in scopes:
        scope.settle()
    return _Resolver(drafts, problems, broken).nodes()


class _Resolver:
    def __init__(self, drafts: list[Draft], problems: list[Problem], broken: set[int]) -> None:
        self.drafts = drafts
        self.problems = problems
        self.broken = broken

    def nodes(self) -> list[Node]:
        """The nodes, with the positions that names mean."""
        nodes = []
        for position, draft in enumerate(self.drafts):
            inputs = tuple(self._resolve(cursor, position) for cursor in draft.inputs)
            shares = None if draft.shares is None else self._resolve(draft.shares, position)
            name = draft.scope.path + draft.member.name
            call = draft.call
            span, spans = (None, {}) if call is None else (call.span, call.spans)
            nodes.append(Node(name, draft.op, inputs, span, spans, shares))
        return nodes

    def _resolve(self, cursor: Cursor, position: int) -> int:
        """The position that a cursor means; 0, with the problem noted, where it means nothing before `position`."""
        asked = cursor
        while isinstance(cursor, Reference):
            found = cursor.scope.find(cursor.name)
            if found is None:
                self.problems.append(unknown_name(cursor))
                self.broken.add(position)
                return 0
            cursor = found
        if isinstance(asked, Reference) and cursor >= position:
            self.problems.append(self._loops_back(asked, cursor, position))
            self.broken.add(position)
            return 0
        return cursor

    def _loops_back(self, reference: Reference, target: int, position: int) -> Problem:
        """Why a layer cannot read one that is written later: it would wait for itself, or the order is wrong."""
        name = printable(reference.name, 60)
        if target == position:
            return Problem(f"'{name}' reads itself: a cycle", reference.span)
        way = self._way(position, target)
        if way is not None:
            names = [self.drafts[step].member.name for step in [*way, position]]
            return Problem(f"a cycle: {' → '.join(names)}", reference.span, f"'{name}' needs this layer")
        line = self.drafts[target].call
        hint = f"it is written at line {line.span.line}" if line else ""
        return Problem(f"'{name}' comes later: a layer reads only earlier ones", reference.span, hint)

    def _way(self, start: int, end: int) -> list[int] | None:
        """A chain of layers from `start` to `end`, each of which reads the one before it."""
        before: dict[int, int] = {start: start}
        for position in range(start + 1, end + 1):
            for cursor in self.drafts[position].inputs:
                if isinstance(cursor, int) and cursor in before and cursor != position:
                    before.setdefault(position, cursor)
        if end not in before:
            return None
        way = [end]
        while way[-1] != start:
            way.append(before[way[-1]])
        return way[::-1]
