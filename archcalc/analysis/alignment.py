"""Which layers of two networks are the same: an alignment of their graphs in execution order.

Layers are paired so that the sum of how alike they are is largest and no two pairs cross: the optimal alignment of two
sequences (Needleman and Wunsch 1970) whose letters are layers. What counts is what layers are and the shapes around
them, and not which layers they read, for that differs behind every layer that was put in. Layers that moved are found
afterwards, by their names.
"""

from bisect import bisect_left
from collections.abc import Sequence

from msgspec import Struct

from archcalc.infer import InferredGraph

MOST_PAIRS = 1_000_000
"""Pairs of layers that are compared one by one; longer stretches are parted first, at layers that are alike."""

_SAME, _SAME_ARGUMENTS, _SAME_KEYWORD, _SAME_NAME = 20, 12, 6, 1


class Alignment(Struct, frozen=True):
    """`pairs` are positions in both graphs, in the order of the first; `removed` in it only, `added` in the other."""

    pairs: tuple[tuple[int, int], ...]
    removed: tuple[int, ...]
    added: tuple[int, ...]


class _Letter(Struct, frozen=True, gc=False):
    """What of a layer is compared: numbers that are equal where it is."""

    keyword: int
    arguments: int
    whole: int
    name: int


def align(before: InferredGraph, after: InferredGraph) -> Alignment:
    """The layers of two networks that are each other's.

    Two layers are paired only if they are of one operator; alike in their arguments they are more likely each other's,
    in their shapes too still more, and a common name decides among equals. An optimum over n·m pairs takes as many
    steps: beyond MOST_PAIRS the graphs are parted at layers that are alike in everything, and what is then still too
    long is paired in the order of equals.
    """
    one, other = _letters(before, after)
    pairs = _aligned(one, other)
    left, right = {i for i, _ in pairs}, {j for _, j in pairs}
    names = {node.name: j for j, node in enumerate(after.nodes) if j not in right}
    for i, node in enumerate(before.nodes):
        j = names.get(node.name, -1) if i not in left else -1
        if j >= 0 and one[i].keyword == other[j].keyword:
            pairs.append((i, j))
    left, right = {i for i, _ in pairs}, {j for _, j in pairs}
    return Alignment(
        tuple(sorted(pairs)),
        tuple(i for i in range(len(one)) if i not in left),
        tuple(j for j in range(len(other)) if j not in right),
    )


def _letters(before: InferredGraph, after: InferredGraph) -> tuple[list[_Letter], list[_Letter]]:
    numbers: dict[object, int] = {}

    def number(key: object) -> int:
        return numbers.setdefault(key, len(numbers))

    def of(network: InferredGraph) -> list[_Letter]:
        return [
            _Letter(
                number(node.op.keyword),
                number(node.op),
                number((node.op, network.inputs(node), shape)),
                number(node.name),
            )
            for node, shape in zip(network.nodes, network.shapes, strict=True)
        ]

    return of(before), of(after)


def _aligned(one: Sequence[_Letter], other: Sequence[_Letter]) -> list[tuple[int, int]]:
    """The pairs of two sequences. Equal ends belong together in some optimum: nothing can be more alike."""
    start, shorter = 0, min(len(one), len(other))
    while start < shorter and one[start] == other[start]:
        start += 1
    end = 0
    while end < shorter - start and one[-1 - end] == other[-1 - end]:
        end += 1
    pairs = [(i, i) for i in range(start)]
    pairs += _middle(one[start : len(one) - end], other[start : len(other) - end], start)
    pairs += [(len(one) - i, len(other) - i) for i in range(end, 0, -1)]
    return pairs


def _middle(one: Sequence[_Letter], other: Sequence[_Letter], start: int) -> list[tuple[int, int]]:
    """The pairs of what lies between equal ends, both of which begin at `start`."""
    if len(one) * len(other) <= MOST_PAIRS:
        return [(start + i, start + j) for i, j in _optimal(one, other)]
    anchors = _in_order(one, other)
    pairs, i, j = [], 0, 0
    for a, b in [*anchors, (len(one), len(other))]:
        if (a - i) * (b - j) <= MOST_PAIRS:
            pairs += [(start + i + p, start + j + q) for p, q in _optimal(one[i:a], other[j:b])]
        if a < len(one) and b < len(other):
            pairs.append((start + a, start + b))
        i, j = a + 1, b + 1
    return pairs


def _optimal(one: Sequence[_Letter], other: Sequence[_Letter]) -> list[tuple[int, int]]:
    """The pairs whose likenesses have the largest sum; among optima those that come first."""
    n, m = len(one), len(other)
    if not n or not m:
        return []
    best = [[0] * (m + 1) for _ in range(n + 1)]  # best[i][j]: of one[i:] and other[j:]
    for i in range(n - 1, -1, -1):
        letter, row, below = one[i], best[i], best[i + 1]
        keyword, right, corner = letter.keyword, 0, below[m]
        for j in range(m - 1, -1, -1):
            under = below[j]
            found = right if right > under else under
            if other[j].keyword == keyword:
                paired = corner + _likeness(letter, other[j])
                found = paired if paired > found else found
            row[j] = right = found
            corner = under
    pairs, i, j = [], 0, 0
    while i < n and j < m:
        if one[i].keyword == other[j].keyword and best[i][j] == best[i + 1][j + 1] + _likeness(one[i], other[j]):
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


def _likeness(one: _Letter, other: _Letter) -> int:
    """How alike two layers of one operator are."""
    named = _SAME_NAME if one.name == other.name else 0
    if one.whole == other.whole:
        return _SAME + named
    return (_SAME_ARGUMENTS if one.arguments == other.arguments else _SAME_KEYWORD) + named


def _in_order(one: Sequence[_Letter], other: Sequence[_Letter]) -> list[tuple[int, int]]:
    """Layers alike in all but their names, the k-th of a kind with the k-th, as many as do not cross: the longest
    increasing subsequence (Schensted 1961)."""
    places: dict[int, list[int]] = {}
    for j, letter in enumerate(other):
        places.setdefault(letter.whole, []).append(j)
    for found in places.values():
        found.reverse()
    candidates = [(i, places[letter.whole].pop()) for i, letter in enumerate(one) if places.get(letter.whole)]
    ends: list[int] = []  # the least j that a subsequence of each length ends with
    at: list[int] = []  # which candidate that is
    previous = [-1] * len(candidates)
    for index, (_, j) in enumerate(candidates):
        length = bisect_left(ends, j)
        previous[index] = at[length - 1] if length else -1
        ends[length : length + 1], at[length : length + 1] = [j], [index]
    chosen, index = [], at[-1] if at else -1
    while index >= 0:
        chosen.append(candidates[index])
        index = previous[index]
    return chosen[::-1]
