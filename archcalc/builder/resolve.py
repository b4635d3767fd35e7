"""Drafts of nodes → nodes: what names mean, now that all names are known."""

from msgspec import Struct

from archcalc.builder.names import Cursor, Member, Reference, Scope, unknown_name
from archcalc.errors import Problem, Problems, printable
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


def resolve(drafts: list[Draft], scopes: list[Scope], problems: Problems, broken: set[int]) -> list[Node]:
    """The nodes of all drafts. What names mean nothing is noted in `problems`, the nodes that say them in `broken`."""
    for scope in scopes:
        scope.settle()
    return _Resolver(drafts, problems, broken).nodes()


class _Resolver:
    def __init__(self, drafts: list[Draft], problems: Problems, broken: set[int]) -> None:
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
        self._check_names(nodes)
        return nodes

    def _check_names(self, nodes: list[Node]) -> None:
        """Within a scope names are told apart when they are given; one with a dot may be that of a layer in another."""
        if not any(draft.scope.dotted for draft in self.drafts):
            return
        first: dict[str, Node] = {}
        for node, draft in zip(nodes, self.drafts, strict=True):
            other = first.setdefault(node.name, node)
            if other is not node:
                details = (f"first at line {other.span.line}",) if other.span else ()
                span = draft.call.name.span if draft.call and draft.call.name else node.span
                self.problems.append(Problem(f"the name '{printable(node.name, 60)}' is taken", span, "", details))

    def _resolve(self, cursor: Cursor, position: int) -> int:
        """The position that a cursor means; 0, with the problem noted, where it means nothing before `position`."""
        asked = cursor
        while isinstance(cursor, Reference):
            found = cursor.scope.find(cursor.name)
            if found is None:
                if not self.problems.said(cursor.span):
                    self.problems.append(unknown_name(cursor))
                self.broken.add(position)
                return 0
            cursor = found
        if isinstance(asked, Reference) and cursor >= position:
            if not self.problems.said(asked.span):
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
        before: dict[int, int] = {}
        pending = [end]
        while pending:
            position = pending.pop()
            for cursor in self.drafts[position].inputs:
                source = self._target(cursor)
                if source is not None and source not in before and source != end:
                    before[source] = position
                    pending.append(source)
        if start not in before:
            return None
        way = [start]
        while way[-1] != end:
            way.append(before[way[-1]])
        return way

    def _target(self, cursor: Cursor) -> int | None:
        """The position that a cursor means, wherever it lies; None where it means nothing."""
        found: Cursor | None = cursor
        while isinstance(found, Reference):
            found = found.scope.find(found.name)
        return found
