"""What forms are made of, and bounds on polynomials of them: the arithmetic behind the proofs of a `Field`."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import prod
from typing import Any, Literal

from msgspec import Struct

from archcalc.symbolic.form import Form, Monomial

Polynomial = dict[Monomial, Fraction]
"""Monomial → factor, exactly."""
INFINITE = float("inf")


class Symbol(Struct, frozen=True):
    """A symbol: what it is called, its value where the network stands, and the residue it is assumed to have.

    The symbol is period·t + residue for a whole number t; with a period of 1 nothing is assumed.
    """

    name: str
    value: int
    period: int = 1
    residue: int = 0


class Atom(Struct, frozen=True):
    """What polynomials are made of: the t of a symbol, ⌊parts[0]/parts[1]⌋, or the largest of parts.

    `unstated` is a maximum of too many parts to be of use to anybody.
    """

    kind: Literal["symbol", "floor", "max", "unstated"]
    parts: tuple[Any, ...] = ()
    name: str = ""


class Condition(Struct, frozen=True):
    """What must hold for closed forms to be so: form > 0, or form >= 0."""

    form: Any
    strict: bool


def valued(number: Any, values: Any) -> Any:
    """A form where its atoms have values, by their places."""
    if not isinstance(number, Form):
        return number
    found = 0
    for monomial, factor in number.terms.items():
        for place in monomial:
            factor = factor * values[place]
        found = found + factor
    return int(found) if found == int(found) else found


def halvings(distance: int) -> Iterator[int]:
    """distance, distance/2, distance/4 … 1."""
    while distance:
        yield distance
        distance //= 2


def quotient_range(over: tuple[float, float], under: tuple[float, float]) -> tuple[float, float]:
    """Between which values a floor lies, from the bounds of what is divided and of what divides."""
    (low, high), (least, most) = over, under
    if least <= 0:
        return -INFINITE, INFINITE
    below = (
        -INFINITE if low == -INFINITE else 0 if most == INFINITE and low >= 0 else low // (most if low >= 0 else least)
    )
    above = INFINITE if high == INFINITE else high // (least if high >= 0 else most)
    return below, above


def exact_product(left: Polynomial, right: Polynomial) -> Polynomial:
    result: Polynomial = {}
    for one, factor in left.items():
        for other, times in right.items():
            monomial = tuple(sorted(one + other))
            result[monomial] = result.get(monomial, Fraction(0)) + factor * times
    return result


def exact_sum(left: Polynomial, right: Polynomial) -> Polynomial:
    result = dict(left)
    for monomial, factor in right.items():
        result[monomial] = result.get(monomial, Fraction(0)) + factor
    return result


def low_from_the_ends(terms: Polynomial, ranges: Mapping[int, tuple[int, int]]) -> Any:
    """A lower bound on a polynomial of symbols: its Taylor form at the low ends of their ranges.

    There its factors are seldom negative; those that are, are taken at the high ends.
    """
    shifted: Polynomial = {}
    for monomial, factor in terms.items():
        grown: Polynomial = {(): factor}
        for place in monomial:
            start = ranges[place][0]
            grown = exact_product(grown, {(place,): Fraction(1), (): Fraction(start)})
        shifted = exact_sum(shifted, grown)
    low = shifted.pop((), Fraction(0))
    for monomial, factor in shifted.items():
        if factor < 0:
            low += factor * prod(ranges[place][1] - ranges[place][0] for place in monomial)
    return low
