"""Names of layers: the scopes that blocks and repeats open, the names nobody wrote, and the layers that names mean."""

from collections.abc import Iterable
from typing import TypeAlias

from msgspec import Struct

from archcalc.errors import Problem, Span, did_you_mean, printable
from archcalc.spec.model import expression_of
from archcalc.spec.schema import MAX_NAME
from archcalc.spec.tree import Scalar, Tree

INPUT = "input"
MAX_PATH = 1000
"""Characters of a layer's scopes; of longer ones the beginning is left out."""


class Reference(Struct, frozen=True):
    """A layer by the name that stands in the text, seen from `scope`."""

    name: str
    scope: "Scope"
    span: Span


def plain_names(items: Iterable[Tree]) -> list[tuple[str, Span]] | None:
    """Names and their places where each item is one as it stands; None where something is to be worked out or wrong.

    What is found once holds for every turn of a loop.
    """
    found = []
    for item in items:
        if not isinstance(item, Scalar) or not isinstance(item.value, (str, int)) or isinstance(item.value, bool):
            return None
        if expression_of(item) is not None:
            return None
        found.append((str(item.value), item.span))
    return found


Cursor: TypeAlias = int | Reference
"""What flows into a layer: a position, or a name that is looked up when all names are known."""


class Member(Struct):
    """A layer (`position`) or a scope in a scope, with the name it was given or the word to make one from."""

    name: str
    word: str
    position: int = -1
    scope: "Scope | None" = None
    numbered: bool = False


class Scope:
    """A level of names. `entry` is what flows into a block; a repeat hands that of its block on.

    `block` is the name of the block that it is a use of, if it is one.
    """

    def __init__(self, parent: "Scope | None", entry: Cursor, block: str = "") -> None:
        self.parent = parent
        self.entry = entry
        self.block = block
        self.members: list[Member] = []
        self.spans: dict[str, Span | None] = {}
        self.last: Cursor = entry
        self.path = ""
        self.named: dict[str, Member] = {}
        self.dotted = False

    def add(self, member: Member, span: Span | None) -> Problem | None:
        """Take a member in; a problem if its name is taken here."""
        self.members.append(member)
        if not member.name:
            return None
        self.dotted = self.dotted or "." in member.name
        if member.name in self.spans or member.name == INPUT:
            first = self.spans.get(member.name)
            details = (f"first at line {first.line}",) if first else ()
            return Problem(f"the name '{member.name}' is taken", span, "", details)
        self.spans[member.name] = span
        return None

    def settle(self) -> None:
        """Name what has no name: the word for the first, word2, word3, … after it; repeats count from 0."""
        counts: dict[str, int] = {}
        taken = set(self.spans)
        for member in self.members:
            if not member.name:
                count = counts.get(member.word, -1 if member.numbered else 0)
                while True:
                    count += 1
                    name = _numbered(member, count)
                    if name not in taken:
                        break
                counts[member.word] = count
                member.name = name
                taken.add(name)
            self.named.setdefault(member.name, member)
            if member.scope is not None:
                member.scope.path = f"{self.path}{member.name}."[-MAX_PATH:]

    def find(self, name: str) -> Cursor | None:
        """The layer that a name means here: in this scope, else in the ones around it; a scope means its last layer."""
        scope: Scope | None = self
        while scope is not None:
            if name == INPUT:
                return scope.entry
            found = scope.below(name)
            if found is not None:
                return found.position if found.scope is None else found.scope.last
            scope = scope.parent
        return None

    def below(self, name: str) -> Member | None:
        """The member of this scope, or of those in it, that a name with dots between the scopes means.

        Names that hold dots themselves leave several ways to part one; no scope is looked into twice.
        """
        if name in self.named:
            return self.named[name]
        end = name.find(".")
        while 0 < end <= MAX_NAME:
            member = self.named.get(name[:end])
            found = member.scope.below(name[end + 1 :]) if member is not None and member.scope is not None else None
            if found is not None or not self.dotted:
                return found
            end = name.find(".", end + 1)
        return None

    def visible(self) -> list[str]:
        """All names that can be said here, and those one level down."""
        names = [] if self.parent is None else self.parent.visible()
        for name, member in self.named.items():
            names.append(name)
            names += [f"{name}.{inner}" for inner in member.scope.named] if member.scope is not None else []
        return names


def _numbered(member: Member, count: int) -> str:
    """The count-th name from a word: relu, relu2; relu6, relu6_2; of turns of a repeat 0, 1 or stage0, stage1."""
    if member.numbered:
        return f"{member.word}{count}"
    return numbered_name(member.word, count)


def numbered_name(word: str, count: int) -> str:
    """What the count-th layer of a word is called that has no name of its own."""
    parting = "_" if word[-1:].isdigit() else ""
    return word if count < 2 else f"{word}{parting}{count}"


def unknown_name(reference: Reference) -> Problem:
    """What to say when nothing has the name of a reference."""
    hint = did_you_mean(reference.name, reference.scope.visible())
    return Problem(f"there is no layer '{printable(reference.name, 60)}'", reference.span, hint)
