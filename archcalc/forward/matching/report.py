"""What there is to tell of weights that were matched: plain values, which others can have without numpy."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from archcalc.errors import Problem, printable
from archcalc.forward.matching.layouts import Change

Rule = Literal["name", "order"]


class Match(Struct, frozen=True):
    """An array of a file, the weight that it is, and the rule that says so; `change` lays it out as ours are."""

    name: str
    given: str
    rule: Rule
    change: Change


class Matching(Struct, frozen=True):
    """Weight → what it is matched with, in the network's order; what is left over on purpose, and what is wrong.

    `misshaped` are weights whose array has another shape, which is a problem; `ignored` counts what takes no part in
    inference; `unused` are scopes for which the network has nothing at all, as the heads that only training has.
    """

    matches: Mapping[str, Match]
    misshaped: frozenset[str]
    ignored: int
    unused: tuple[str, ...]
    problems: tuple[Problem, ...]

    @property
    def exact(self) -> bool:
        """Whether every name is the network's own and every array has its shape."""
        return not self.unused and all(
            match.given == name and match.rule == "name" for name, match in self.matches.items()
        )

    def remarks(self) -> tuple[str, ...]:
        """What has to be said where names, layouts or contents are not the network's own; nothing where they are."""
        found = []
        other = [match for match in self.matches.values() if match.rule == "order"]
        if other:
            told = next((match for match in other if match.given != match.name), other[0])
            first = f"{printable(told.given, 100)} is {told.name}"
            found.append(f"{len(other)} of {len(self.matches)} weights by order and shape, not by name: {first}, …")
        renamed = [match for match in self.matches.values() if match.rule == "name" and match.given != match.name]
        if renamed:
            wrapper = renamed[0].given.removesuffix(renamed[0].name)
            found.append(f"names without the '{printable(wrapper, 100)}' before all of them")
        turned = [match for match in self.matches.values() if match.change.axes is not None]
        if turned:
            found.append(f"{len(turned)} arrays turned: inputs come first or channels last in the file")
        if self.unused:
            found.append(f"not used: all of {', '.join(printable(scope, 100) for scope in self.unused)}")
        return tuple(found)


class Fit(Struct, frozen=True):
    """A network of the zoo that the arrays of a file fit, or nearly do: then `but` says what differs."""

    network: str
    how: str
    but: tuple[str, ...] = ()
