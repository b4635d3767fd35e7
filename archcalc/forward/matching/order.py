"""Layers of a file in the places of a network's, by order and shape: where there is exactly one way.

Names that differ only in their numbers are a series, and a series is in the order in which layers work. The network's
layers are then several series shuffled into one another, and a layer of the file may stand at a place if it is the next
of its series and has the place's shapes. All ways to shuffle are followed at once, place by place: a state is how far
each series has come. What can be chosen at a place without ever leading to the end is left out. Where more than one way
is left, a series stands where it already stands elsewhere without a choice: `downsample` is `shortcut` in the first
stage because it can be nothing else in the second. If that does not leave a single way, nothing is matched.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec import Struct

from archcalc.forward.matching.names import Layer, Numbers, series_of

_MOST_STATES = 2000
"""States that are followed at once; more than that are no evidence but chance."""

State = tuple[int, ...]
Allowed = Callable[[Layer, Layer], bool]
"""Whether a layer of the file, the first, may stand for a layer of the network."""


class Ordered(Struct, frozen=True):
    """Name of a network's layer → name of the file's; or, where there are several ways or none, why not."""

    pairs: Mapping[str, str]
    reason: str = ""


class _Shuffle:
    """The series of a file's layers, and how they may be shuffled into a network's."""

    def __init__(
        self, places: Sequence[Layer], given: Sequence[Layer], literal: Mapping[str, frozenset[int]], allowed: Allowed
    ) -> None:
        series: dict[str, list[tuple[Numbers, Layer]]] = {}
        for layer in given:
            plain, numbers = series_of(layer.name)
            name = series_of(layer.name, literal[plain])[0] if plain in literal else plain
            series.setdefault(name, []).append((numbers, layer))
        self.places, self._allowed = places, allowed
        self.series = [[layer for _, layer in sorted(members, key=_numbers)] for members in series.values()]
        self._wanted = [place.signature for place in places]
        self._signatures = [[layer.signature for layer in members] for members in self.series]
        self.standing = [_standings(place.name) for place in places]

    def choices(self, only: Sequence[set[int] | None]) -> list[dict[int, set[str]]] | None:
        """For each place the series that can be chosen there, and their layers then; None where no way leads through.

        `only` restricts the choice at places where it is not None. Raises OverflowError where there are too many ways.
        """
        forward, states = list[dict[State, list[tuple[int, State]]]](), {(0,) * len(self.series)}
        for place in range(len(self.places)):
            steps = {state: list(self._steps(place, state, only[place])) for state in states}
            forward.append(steps)
            states = {after for found in steps.values() for _, after in found}
            if len(states) > _MOST_STATES:
                raise OverflowError
        alive = states & {tuple(map(len, self.series))}
        if not alive:
            return None
        result: list[dict[int, set[str]]] = []
        for steps in reversed(forward):
            chosen: dict[int, set[str]] = {}
            before = set()
            for state, found in steps.items():
                for which, after in found:
                    if after in alive:
                        before.add(state)
                        chosen.setdefault(which, set()).add(self.series[which][state[which]].name)
            alive = before
            result.append(chosen)
        return result[::-1]

    def _steps(self, place: int, state: State, only: set[int] | None) -> "list[tuple[int, State]]":
        found = []
        for which, at in enumerate(state):
            if at == len(self.series[which]) or self._signatures[which][at] != self._wanted[place]:
                continue
            if (only is None or which in only) and self._allowed(self.series[which][at], self.places[place]):
                found.append((which, (*state[:which], at + 1, *state[which + 1 :])))
        return found


def _numbers(member: tuple[Numbers, Layer]) -> Numbers:
    return member[0]


def match_in_order(places: Sequence[Layer], given: Sequence[Layer], allowed: Allowed, behind: Sequence[int]) -> Ordered:
    """The only way in which `given` layers of a file are `places` of a network, which are in the order of its nodes.

    Bit j of `behind[i]` says that place j depends on place i. Numbers order layers along a path only: where a series
    would stand on paths beside each other, the numbers that tell those apart count as words, and it is several series
    that could stand at its places.
    """
    literal: dict[str, frozenset[int]] = {}
    standing: dict[str, str] = {}

    def may_stand(layer: Layer, place: Layer) -> bool:
        return allowed(layer, place) and standing.get(place.name) in (None, series_of(layer.name)[0])

    while True:
        found = _settled(_Shuffle(places, given, literal, may_stand))
        if isinstance(found, str):
            return Ordered({}, found)
        standing = {place.name: series_of(name)[0] for place, name in zip(places, found, strict=True)}
        split = _beside(found, behind)
        if all(positions <= literal.get(name, frozenset()) for name, positions in split.items()):
            return Ordered({place.name: name for place, name in zip(places, found, strict=True)})
        for name, positions in split.items():
            literal[name] = literal.get(name, frozenset()) | positions


def _settled(shuffle: _Shuffle) -> list[str] | str:
    """The layer at each place, or why that cannot be said."""
    only: list[set[int] | None] = [None] * len(shuffle.places)
    known: set[tuple[str, int]] = set()  # what a layer of the network is called, and the series that is there
    while True:
        try:
            choices = shuffle.choices(only)
        except OverflowError:
            return "too many ways are possible"
        if choices is None:
            return "no order of them has these shapes"
        candidates = [set[str]().union(*chosen.values()) for chosen in choices]
        if all(map(_single, candidates)):
            return [name for names in candidates for name in names]
        settled = ((i, which) for i, chosen in enumerate(choices) if _single(chosen) for which in chosen)
        known |= {(standing, which) for i, which in settled for standing in shuffle.standing[i]}
        narrowed = _narrowed(shuffle.standing, choices, known)
        if narrowed is None:
            place = next(i for i, names in enumerate(candidates) if not _single(names))
            return f"'{shuffle.places[place].name}' could be {_listed(sorted(candidates[place]))}"
        only = narrowed


def _narrowed(
    standing: Sequence[Sequence[str]], choices: Sequence[Mapping[int, set[str]]], known: Collection[tuple[str, int]]
) -> list[set[int] | None] | None:
    """The series that stand elsewhere already where a layer is called alike; None where that leaves out nothing.

    The most alike first: what is known by less is used only where that says nothing.
    """
    for level in range(max(map(len, standing))):
        only = list[set[int] | None]()
        for names, chosen in zip(standing, choices, strict=True):
            name = names[min(level, len(names) - 1)]
            only.append({which for which in chosen if (name, which) in known} or set(chosen))
        if any(len(kept or ()) < len(chosen) for kept, chosen in zip(only, choices, strict=True)):
            return only
    return None


def _standings(name: str) -> list[str]:
    """A layer's name with numbers left out of ever more of its scopes, and of itself in the end.

    >>> _standings("stage0.1.conv2")
    ['stage#.1.conv2', 'stage#.#.conv2', 'stage#.#.conv#']
    """
    words = name.split(".")
    plain = [series_of(word)[0] for word in words]
    return list(dict.fromkeys(".".join(plain[: i + 1] + words[i + 1 :]) for i in range(len(words))))


def _single(chosen: Collection[object]) -> bool:
    return len(chosen) == 1


def _listed(names: Sequence[str]) -> str:
    shown = [f"'{name}'" for name in names[:3]]
    return " or ".join(shown) + (f" or {len(names) - 3} others" if len(names) > 3 else "")


def _beside(found: Sequence[str], behind: Sequence[int]) -> dict[str, frozenset[int]]:
    """For each series that stands on paths beside each other, the positions of the numbers that tell those apart."""
    members: dict[str, int] = {}
    numbers = []
    for place, name in enumerate(found):
        plain, values = series_of(name)
        members[plain] = members.get(plain, 0) | 1 << place
        numbers.append((plain, values))
    result: dict[str, frozenset[int]] = {}
    for place, (plain, values) in enumerate(numbers):
        beside = members[plain] >> place + 1 & ~(behind[place] >> place + 1)
        while beside:
            other = place + (beside & -beside).bit_length()
            beside &= beside - 1
            pairs = enumerate(zip(values, numbers[other][1], strict=True))
            apart = next(at for at, (mine, theirs) in pairs if mine != theirs)
            result[plain] = result.get(plain, frozenset()) | {apart}
    return result
