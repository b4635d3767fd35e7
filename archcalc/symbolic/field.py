"""What symbols stand for, and what can be proven of the forms made of them.

A symbol is any whole number of a range, 1 to 1,000,000 at first, or those of one residue: H = 32·h + r for every h of a
range, if the sizes of the input are assumed to be so. A question about a form is answered

1. by proof, for all values: bounds on a form by the ranges of its atoms, or by a/m − 1 < ⌊a/m⌋ <= a/m and a polynomial
   whose factors are all positive once the symbols count from the ends of their ranges;
2. else as it is answered where the network stands, at the symbols' own values; and the range of a symbol shrinks to the
   values for which the answer holds. What no range can say becomes a condition on the closed forms.

Two sizes that are equal where the network stands and not for all values are no condition but a question that the reader
must settle: `Coincidence`, with the period at which they would be equal for all, if there is one.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import lcm, prod
from typing import Any

from archcalc.symbolic.atoms import (
    INFINITE,
    Atom,
    Condition,
    Polynomial,
    Symbol,
    exact_product,
    exact_sum,
    halvings,
    low_from_the_ends,
    quotient_range,
    valued,
)
from archcalc.symbolic.form import Form, Monomial, Undecided, key_of

MOST = 1_000_000
"""Symbols are whole numbers up to here, unless a network asks for less."""
_MOST_CANDIDATES = 12
_MOST_SINGLE = 4096


class Coincidence(Undecided):
    """Two sizes are equal where the network stands, and not for all values of `names`."""

    def __init__(self, form: Form) -> None:
        names = form.names
        super().__init__(f"sizes are equal only where {' and '.join(names)} have values that happen to fit", names)
        self.form = form


class Field:
    """The symbols of one derivation, the atoms found so far, and what their ranges have become.

    Mutable while a derivation runs, and read afterwards.
    """

    def __init__(self, symbols: tuple[Symbol, ...]) -> None:
        self.symbols = symbols
        self.atoms: list[Atom] = []
        self._conditions: dict[Any, Condition] = {}
        self.coincidences: list[Coincidence] = []
        self.ranges: dict[int, tuple[int, int]] = {}
        self._places: dict[Any, int] = {}
        self._here: list[int] = []
        self._known: dict[int, tuple[float, float]] = {}
        self._larger: dict[tuple[Any, Any], Any] = {}
        self._lows: dict[Any, float] = {}
        self._answers: dict[Any, bool] = {}
        for place, symbol in enumerate(symbols):
            self.atoms.append(Atom("symbol", (), symbol.name))
            low = 0 if symbol.residue else 1
            self.ranges[place] = (low, max((MOST - symbol.residue) // symbol.period, low))
            self._here.append((symbol.value - symbol.residue) // symbol.period)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What must hold besides the ranges."""
        return tuple(self._conditions.values())

    def number(self, name: str) -> Form:
        """A symbol as a number."""
        place = next(place for place, symbol in enumerate(self.symbols) if symbol.name == name)
        symbol = self.symbols[place]
        terms: dict[Monomial, Any] = {(place,): symbol.period}
        return Form(self, {**terms, (): symbol.residue} if symbol.residue else terms)

    # Atoms

    def floor(self, numerator: Form, k: Any) -> Any:
        """⌊numerator/k⌋ as it stands."""
        return self._atom(Atom("floor", (numerator, k)), self.value(numerator) // self.value(k))

    def floor_of(self, monomial: Monomial) -> tuple[Form, int] | None:
        """Numerator and divisor of a monomial that is one floor by a plain number."""
        if len(monomial) != 1:
            return None
        atom = self.atoms[monomial[0]]
        return atom.parts if atom.kind == "floor" and isinstance(atom.parts[1], int) else None

    def quotient(self, numerator: Any, divisor: Form) -> Any:
        """⌊numerator/divisor⌋ for a divisor that is a form, and positive."""
        if not self.is_positive(divisor, strict=True):
            raise divisor.undecided("a divisor must be positive")
        if self._proven(divisor - numerator, strict=True) and self._proven(numerator, strict=False):
            return 0
        return self.floor(numerator, divisor)

    def largest(self, number: Any, other: Any) -> Any:
        """The larger of two: one that is proven to be, else a maximum of those parts that none is proven to exceed."""
        if number is other:
            return number
        key = (key_of(number), key_of(other))
        found = self._larger.get(key)
        if found is None:
            found = self._larger[key] = self._largest(number, other)
        return found

    def _largest(self, number: Any, other: Any) -> Any:
        if self.is_unstated(number) or self.is_unstated(other):
            return number if self.is_unstated(number) else other
        candidates = list(self._maximum_of(number))
        for part in self._maximum_of(other):
            if any(self._proven(kept - part, strict=False) for kept in candidates):
                continue
            candidates = [kept for kept in candidates if not self._proven(part - kept, strict=False)]
            candidates.append(part)
        if len(candidates) == 1:
            return candidates[0]
        if len(candidates) > _MOST_CANDIDATES:
            return self._atom(Atom("unstated", tuple(candidates)), max(map(self.value, candidates)))
        return self._atom(Atom("max", tuple(candidates)), max(map(self.value, candidates)))

    def is_unstated(self, number: Any) -> bool:
        """Whether a maximum of too many parts is in a form."""
        return any(self.atoms[place].kind == "unstated" for place in self.atoms_in(number))

    def _maximum_of(self, number: Any) -> tuple[Any, ...]:
        if isinstance(number, Form) and len(number.terms) == 1:
            monomial, factor = next(iter(number.terms.items()))
            if factor == 1 and len(monomial) == 1 and self.atoms[monomial[0]].kind == "max":
                return self.atoms[monomial[0]].parts
        return (number,)

    def _atom(self, atom: Atom, here: int) -> Any:
        key = (atom.kind, key_of(atom.parts))
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self.atoms)
            self.atoms.append(atom)
            self._here.append(here)
        low, high = self._range(place)
        return int(low) if low == high else Form(self, {(place,): 1})

    # Values

    def value(self, number: Any) -> Any:
        """A form where the network stands."""
        return valued(number, self._here)

    def at(self, number: Any, values: Mapping[str, int]) -> Any:
        """A form for other values of the symbols: exact. Raises ValueError for those of another residue."""
        known: dict[int, Any] = {}
        for place, symbol in enumerate(self.symbols):
            value, rest = divmod(values[symbol.name] - symbol.residue, symbol.period)
            if rest:
                raise ValueError(f"{symbol.name} is {symbol.period}·t + {symbol.residue}")
            known[place] = value
        return self._at(number, known)

    def _at(self, number: Any, known: dict[int, Any]) -> Any:
        """A form where atoms have values; those of further atoms are added."""
        if not isinstance(number, Form):
            return number
        for monomial in number.terms:
            for place in monomial:
                if place not in known:
                    parts = [self._at(part, known) for part in self.atoms[place].parts]
                    known[place] = parts[0] // parts[1] if self.atoms[place].kind == "floor" else max(parts)
        return valued(number, known)

    def names_in(self, number: Any) -> tuple[str, ...]:
        """The symbols in a form, in the order in which they were given."""
        places = {place for place in self.atoms_in(number) if place < len(self.symbols)}
        return tuple(self.symbols[place].name for place in sorted(places))

    def atoms_in(self, number: Any) -> Iterator[int]:
        """All atoms of a form, with those inside them, each once."""
        seen: set[int] = set()
        pending = [number]
        while pending:
            number = pending.pop()
            if isinstance(number, Form):
                for place in {place for monomial in number.terms for place in monomial} - seen:
                    seen.add(place)
                    pending += self.atoms[place].parts
                    yield place

    # Proofs

    def is_zero(self, difference: Form) -> bool:
        """Whether two sizes that differ by a form are equal. Raises Coincidence where they are for some values only."""
        if self._proven(difference, strict=True) or self._proven(-difference, strict=True):
            return False
        here = self.value(difference)
        if here == 0:
            self.coincidences.append(Coincidence(difference))
            raise self.coincidences[-1]
        self._assume(difference if here > 0 else -difference, strict=True)
        return False

    def is_positive(self, form: Form, strict: bool) -> bool:
        """Whether a form is above 0 (or, unless `strict`, 0): proven, or assumed from here on as it is here."""
        found = self._answers.get((form.key, strict))
        if found is not None:
            return found
        if self._proven(form, strict):
            answer = True
        elif self._proven(-form, not strict):
            answer = False
        else:
            here = self.value(form)
            answer = bool(here > 0 or (here == 0 and not strict))
            self._assume(form if answer else -form, strict if answer else not strict)
        self._answers[form.key, strict] = answer
        return answer

    def _proven(self, number: Any, strict: bool) -> bool:
        if not isinstance(number, Form):
            return bool(number > 0 or (number == 0 and not strict))
        edge = 0 if strict or number.kind is float else -1  # a whole number above −1 is 0 at least
        if self._value_refutes(number, strict):
            return False
        low = self._bounds(number)[0]
        if low > edge or (low == 0 and not strict):
            return True
        found = self._lows.get(number.key)
        low = self._lows[number.key] = self._relaxed_low(number) if found is None else found
        return low > edge or (low == 0 and not strict)

    def _value_refutes(self, number: Form, strict: bool) -> bool:
        here = self.value(number)
        return bool(here < 0 or (here == 0 and strict))

    def _assume(self, form: Form, strict: bool) -> None:
        """Take it that a form, which is so here, is above 0 (or 0): by the range of a symbol, else as a condition."""
        places = [place for place in self.atoms_in(form) if place < len(self.symbols)]
        for place in places:
            if self._shrink(form, strict, place, alone=len(places) == 1):
                return
        self._conditions.setdefault((form.key, strict), Condition(form, strict))

    def _shrink(self, form: Form, strict: bool, place: int, alone: bool) -> bool:
        """Raise the least, or else lower the largest value of a symbol, so that a form is positive for all values."""
        if not alone:
            return False
        low, high = self.ranges[place]
        here = self._here[place]
        for end in (0, 1):
            ends = (here, high) if end == 0 else (low, here)
            if not self._holds_in(form, strict, place, ends):
                continue
            # Behind the value from which a proof exists, every single value is a proof of its own.
            least = here
            step = -1 if end == 0 else 1
            far = low if end == 0 else high
            for distance in halvings(abs(far - here)):
                trial = here + step * distance
                if self._holds_in(form, strict, place, (trial, high) if end == 0 else (low, trial)):
                    least = trial
                    break
            for _ in range(_MOST_SINGLE):
                if least == far or not self._holds_at(form, strict, place, least + step):
                    break
                least += step
            self._set_range(place, (least, high) if end == 0 else (low, least))
            return True
        return False

    def _holds_in(self, form: Form, strict: bool, place: int, ends: tuple[int, int]) -> bool:
        before = self.ranges[place]
        self._set_range(place, ends)
        proven = self._proven(form, strict)
        self._set_range(place, before)
        return proven

    def _holds_at(self, form: Form, strict: bool, place: int, value: int) -> bool:
        found = self._at(form, {place: value})
        return bool(found > 0 or (found == 0 and not strict))

    def _set_range(self, place: int, ends: tuple[int, int]) -> None:
        self.ranges[place] = ends
        self._known.clear()
        self._lows.clear()

    def _range(self, place: int) -> tuple[float, float]:
        """Between which values an atom lies."""
        if place < len(self.symbols):
            return self.ranges[place]
        found = self._known.get(place)
        if found is None:
            atom = self.atoms[place]
            bounds = [self._bounds(part) for part in atom.parts]
            if atom.kind != "floor":
                found = max(low for low, _ in bounds), max(high for _, high in bounds)
            else:
                found = quotient_range(*bounds)
            self._known[place] = found
        return found

    def _bounds(self, number: Any) -> tuple[float, float]:
        """Bounds on a form by those of its atoms, a monomial at a time."""
        if not isinstance(number, Form):
            return number, number
        low: float = 0
        high: float = 0
        for monomial, factor in number.terms.items():
            ranges = [self._range(place) for place in monomial]
            if any(start < 0 for start, _ in ranges):
                return -INFINITE, INFINITE
            least, most = prod(start for start, _ in ranges), prod(end for _, end in ranges)
            low += factor * (least if factor > 0 else most)
            high += factor * (most if factor > 0 else least)
        return low, high

    def _relaxed_low(self, form: Form) -> float:
        """A lower bound by the polynomial that lies below the form when floors are replaced by their bounds.

        ⌊a/m⌋ becomes (a − m + 1)/m where the factor before it is positive, a/m where it is negative; then the symbols
        count from the lowest values of their ranges, and only negative factors are still taken at the highest.
        """
        relaxed: Polynomial = {}
        for monomial, factor in form.terms.items():
            term: Polynomial = {(): Fraction(factor)}
            for place in monomial:
                bound = self._relaxed_atom(place, below=factor > 0)
                if bound is None:
                    return -INFINITE
                term = exact_product(term, bound)
            relaxed = exact_sum(relaxed, term)
        low: float = low_from_the_ends(relaxed, self.ranges)
        return low

    def _relaxed_atom(self, place: int, below: bool) -> Any:
        """An atom between 0 and ∞ as the polynomial that bounds it; None where there is none that is 0 at least."""
        atom = self.atoms[place]
        low, high = self._range(place)
        if low < 0:
            return None
        if atom.kind == "symbol":
            return {(place,): Fraction(1)}
        if atom.kind != "floor" or not isinstance(atom.parts[1], int):
            bound = low if below else high
            return None if bound == INFINITE else {(): Fraction(bound)}
        numerator, m = atom.parts
        if any(self.atoms[inner].kind != "symbol" for monomial in numerator.terms for inner in monomial):
            return {(): Fraction(low if below else high)}
        terms = {monomial: Fraction(factor, m) for monomial, factor in numerator.terms.items()}
        if below:
            terms[()] = terms.get((), Fraction(0)) - Fraction(m - 1, m)
            if low == 0 and low_from_the_ends(terms, self.ranges) < 0:
                return {(): Fraction(0)}
        return terms

    def moduli(self, number: Any) -> dict[str, int]:
        """Symbol → the period at which all floors in a form that are of it are whole; 1 where there are none."""
        found = {symbol.name: symbol.period for symbol in self.symbols}
        for place in self.atoms_in(number):
            atom = self.atoms[place]
            if atom.kind == "floor" and isinstance(atom.parts[1], int):
                for name in self.names_in(atom.parts[0]):
                    period = next(symbol.period for symbol in self.symbols if symbol.name == name)
                    found[name] = lcm(found[name], period * atom.parts[1])
        return found
