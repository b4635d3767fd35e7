"""Numbers that are closed forms: exact polynomials over symbols, floors and maxima.

`Form` is what flows through a spec's expressions, the arguments, checks and facts of operators, and every analysis, in
the place of an int, as `archcalc.space.many.Many` does for sweeps. A form is a sum of monomials with whole (or
rational) factors; what is no polynomial stands in it as an atom of its own, which is known by its content: ⌊n/m⌋,
max(a, b). Forms that are equal as polynomials are equal, which makes most questions of checks (do these shapes agree?)
certain for all values at once. The others are put to the `Field`, which proves an answer or writes down under which
condition it holds.

Not sympy's expressions: a network is some hundred thousand small operations and comparisons, each of which takes sympy
many times as long; sympy simplifies and prints what comes out (`archcalc.symbolic.printing`). Not its rings either:
these need all generators before the first sum, and floors are found on the way.

Floors are brought to one form by identities that hold for all whole numbers a and k, m > 0:

    ⌊(k·a + r)/k⌋ = a + ⌊r/k⌋        ⌊(⌊a/m⌋ + b)/k⌋ = ⌊(a + m·b)/(m·k)⌋        ⌊−a/k⌋ = −⌊(a + k − 1)/k⌋
"""

import math
import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Union

from archcalc.numbers import Varying
from archcalc.spec.expressions import power

if TYPE_CHECKING:
    from archcalc.symbolic.field import Field

Monomial = tuple[int, ...]
"""The numbers of the atoms that are multiplied, in order, one as often as its power says."""
Terms = Mapping[Monomial, Any]
Number = Union[int, float, "Form"]

_ONE: Monomial = ()
_FINEST = 2**20
_LARGEST_DIVISOR = 64


class Undecided(ValueError):  # noqa: N818 - nobody's mistake
    """A question that has no one answer for all values: `names` are the symbols that it depends on."""

    def __init__(self, message: str, names: tuple[str, ...]) -> None:
        super().__init__(message)
        self.names = names


def form_of(field: "Field", terms: dict[Monomial, Any]) -> Any:
    """A polynomial as a number: a plain one where it is constant. Zeros among its factors are left out."""
    if not terms:
        return 0
    if len(terms) == 1 and _ONE in terms:
        constant = terms[_ONE]
        return int(constant) if constant == int(constant) else float(constant)
    return Form(field, terms)


class Form(Varying):
    """A number as a polynomial: monomial → factor, none of them 0, one monomial at least not constant."""

    __slots__ = ("_key", "_whole", "field", "terms")

    def __init__(self, field: "Field", terms: Terms) -> None:
        self.field = field
        self.terms = terms
        self._key: frozenset[Any] | None = None
        self._whole: bool | None = None

    @property
    def kind(self) -> type:
        """int where all factors are whole, else float: a half of an unknown number need not be whole."""
        if self._whole is None:
            self._whole = all(type(factor) is int for factor in self.terms.values())
        return int if self._whole else float

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(self.key)

    @property
    def key(self) -> frozenset[Any]:
        """The polynomial as a key: comparing keys asks no question, as comparing forms does."""
        if self._key is None:
            self._key = frozenset(self.terms.items())
        return self._key

    @property
    def names(self) -> tuple[str, ...]:
        """The symbols that it depends on."""
        return self.field.names_in(self)

    def __repr__(self) -> str:
        return f"an expression of {', '.join(self.names)}"

    # Arithmetic

    def __add__(self, other: Any) -> Any:
        terms = self._terms_of(other)
        if terms is None:
            return NotImplemented
        return form_of(self.field, _added(self.terms, terms)) if terms else self

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        terms = self._terms_of(other)
        return NotImplemented if terms is None else form_of(self.field, _added(self.terms, terms, -1))

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __mul__(self, other: Any) -> Any:
        if type(other) is int and other == 1:
            return self
        terms = self._terms_of(other)
        return NotImplemented if terms is None else form_of(self.field, _multiplied(self.terms, terms))

    __rmul__ = __mul__

    def __neg__(self) -> Any:
        return Form(self.field, {monomial: -factor for monomial, factor in self.terms.items()})

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return self if self >= 0 else -self

    def __pow__(self, other: Any) -> Any:
        if not isinstance(other, int) or not 0 <= other <= 64:
            raise self.undecided("a power that is no small whole number has no closed form here")
        result: Any = 1
        for _ in range(other):
            result = result * self
        return result

    def __rpow__(self, other: Any) -> Any:
        raise self.undecided("a power to a symbol has no closed form here")

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, Form):
            found = self._exactly_by(other)
            if found is None:
                raise self.undecided("a quotient that need not be whole has no closed form here", other)
            return found
        divisor = self._exact(other)
        if not divisor:
            raise ZeroDivisionError("division by zero")
        return form_of(self.field, {m: _whole(Fraction(factor) / divisor) for m, factor in self.terms.items()})

    def __rtruediv__(self, other: Any) -> Any:
        raise self.undecided("a quotient that need not be whole has no closed form here")

    def __floordiv__(self, other: Any) -> Any:
        if isinstance(other, Form):
            return self._floor_by(other)
        if not isinstance(other, (int, float)):
            return NotImplemented
        if other == 0:
            raise ZeroDivisionError("integer division or modulo by zero")
        if self.kind is float or isinstance(other, float):
            return (self / other).__floor__() if isinstance(self / other, Form) else math.floor(self / other)
        return floor_by(self, other) if other > 0 else floor_by(-self, -other)

    def __rfloordiv__(self, other: Any) -> Any:
        if other == 0:
            return 0
        return self.field.quotient(other, self)

    def __mod__(self, other: Any) -> Any:
        return self - other * (self // other)

    def __rmod__(self, other: Any) -> Any:
        return other - self * (other // self)

    def __floor__(self) -> Any:
        """⌊x⌋: of factors with a common denominator d, ⌊d·x/d⌋."""
        if self.kind is int:
            return self
        denominator = math.lcm(*(Fraction(factor).denominator for factor in self.terms.values()))
        return floor_by(self * denominator, denominator)

    def __ceil__(self) -> Any:
        return -math.floor(-self)

    def __trunc__(self) -> Any:
        return math.floor(self) if self >= 0 else math.ceil(self)

    def __round__(self, digits: int | None = None) -> Any:
        if self.kind is int:
            return self
        raise self.undecided("rounding has no closed form here")

    # Questions

    def __eq__(self, other: object) -> bool:
        difference = self._minus(other)
        if difference is None:
            return False
        return difference == 0 if not isinstance(difference, Form) else self.field.is_zero(difference)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __gt__(self, other: Any) -> Any:
        return self._exceeds(self._minus(other), strict=True)

    def __ge__(self, other: Any) -> Any:
        return self._exceeds(self._minus(other), strict=False)

    def __lt__(self, other: Any) -> Any:
        difference = self._minus(other)
        return NotImplemented if difference is None else self._exceeds(-difference, strict=True)

    def __le__(self, other: Any) -> Any:
        difference = self._minus(other)
        return NotImplemented if difference is None else self._exceeds(-difference, strict=False)

    def __bool__(self) -> bool:
        return self != 0

    def __index__(self) -> int:
        raise self.undecided("this must be one number")

    __int__ = __index__

    def __float__(self) -> float:
        raise self.undecided("this must be one number")

    def undecided(self, message: str, *others: Any) -> Undecided:
        names = dict.fromkeys(self.names)
        for other in others:
            names.update(dict.fromkeys(other.names))
        return Undecided(f"{message}, and it depends on {', '.join(names)}", tuple(names))

    # What the helpers of `archcalc.numbers` ask for

    def agreed(self) -> Any:
        raise self.undecided("this decides what the network is made of")

    def larger(self, other: Any) -> Any:
        return self.field.largest(self, other)

    def smaller(self, other: Any) -> Any:
        return -self.field.largest(-self, -other)

    def divisor(self, other: Any) -> Any:
        """gcd with a small int, by the sum of floors of `archcalc.numbers.gcd`."""
        if isinstance(other, Form) or not 0 < other <= _LARGEST_DIVISOR:
            raise self.undecided("a greatest common divisor has no closed form here")
        return self + other - self * other + 2 * sum(k * self // other for k in range(1, other))

    def chosen(self, first: Any, second: Any) -> Any:
        raise self.undecided("this is no question")

    def each(self, function: Callable[..., Any], *others: Any) -> Any:
        if function in _OWN:
            return _OWN[function](*(others or (self,)))
        raise self.undecided(f"{getattr(function, '__name__', 'this').strip('_')}() has no closed form here")

    def finite(self) -> bool:
        return True

    # Parts of the above

    def _exact(self, other: Any) -> Any:
        """A plain number exactly: decimals that are no sums of few halves are what rounding has left of others."""
        if isinstance(other, float):
            exact = Fraction(other)
            if exact.denominator > _FINEST:
                raise self.undecided(f"{other:g} is not exact in binary, so that products with it are rounded")
            return exact
        return other

    def _terms_of(self, other: Any) -> Terms | None:
        if isinstance(other, Form):
            return other.terms
        if isinstance(other, (int, float, Fraction)):
            constant = _whole(self._exact(other))
            return {_ONE: constant} if constant else {}
        return None

    def _minus(self, other: Any) -> Any:
        return self - other if isinstance(other, (int, float, Form)) else None

    def _exceeds(self, difference: Any, strict: bool) -> Any:
        if difference is None:
            return NotImplemented
        if not isinstance(difference, Form):
            return difference > 0 if strict else difference >= 0
        return self.field.is_positive(difference, strict)

    def _exactly_by(self, other: "Form") -> Any:
        """The quotient by another form, if it divides: equal up to a factor, or of one monomial in all of ours."""
        leading = next(iter(other.terms))
        if leading in self.terms:
            factor = _whole(Fraction(self.terms[leading]) / other.terms[leading])
            if form_of(self.field, _multiplied(other.terms, {_ONE: factor})) == self:
                return factor if isinstance(factor, int) else float(factor)
        if len(other.terms) > 1:
            return None
        quotient = {}
        for monomial, factor in self.terms.items():
            rest = list(monomial)
            for atom in leading:
                if atom not in rest:
                    return None
                rest.remove(atom)
            quotient[tuple(rest)] = _whole(Fraction(factor) / other.terms[leading])
        return form_of(self.field, quotient)

    def _floor_by(self, other: "Form") -> Any:
        found = self._exactly_by(other)
        if found is None:
            return self.field.quotient(self, other)
        return math.floor(found)


_OWN: dict[Any, Callable[..., Any]] = {
    int: lambda x: x.__trunc__(),
    abs: abs,
    math.floor: math.floor,
    math.ceil: math.ceil,
    power: operator.pow,
}
"""Functions of expressions that closed forms have as well."""


def key_of(number: Any) -> Any:
    """A number, a form or a tuple of them as a key of tables."""
    if isinstance(number, tuple):
        return tuple(map(key_of, number))
    return number.key if isinstance(number, Form) else number


def floor_by(numerator: Any, k: int) -> Any:
    """⌊numerator/k⌋ for k > 0 and whole factors."""
    if not isinstance(numerator, Form):
        return numerator // k
    if k == 1:
        return numerator
    if numerator.terms[min(filter(None, numerator.terms))] < 0:
        return -floor_by(-numerator + (k - 1), k)
    field = numerator.field
    whole = {m: factor // k for m, factor in numerator.terms.items() if factor // k}
    rest = {m: factor % k for m, factor in numerator.terms.items() if factor % k}
    return form_of(field, whole) + _remaining(field, rest, k)


def _remaining(field: "Field", rest: dict[Monomial, int], k: int) -> Any:
    """⌊rest/k⌋ of factors from 0 to k − 1."""
    varying = {m: factor for m, factor in rest.items() if m}
    if not varying:
        return 0  # a constant below k
    shared = math.gcd(k, *varying.values())
    if shared > 1:
        constant = rest.get(_ONE, 0) // shared
        lesser = {m: factor // shared for m, factor in varying.items()}
        return floor_by(form_of(field, {**lesser, **({_ONE: constant} if constant else {})}), k // shared)
    for monomial, factor in sorted(varying.items()):
        inner = field.floor_of(monomial) if factor == 1 else None
        if inner is not None:
            numerator, m = inner
            others = form_of(field, {other: f for other, f in rest.items() if other != monomial})
            return floor_by(numerator + m * others, m * k)
    return field.floor(Form(field, rest), k)


def _whole(number: Any) -> Any:
    """A fraction that is whole as an int."""
    return int(number) if isinstance(number, Fraction) and number.denominator == 1 else number


def _added(left: Terms, right: Terms, sign: int = 1) -> dict[Monomial, Any]:
    terms = dict(left)
    for monomial, factor in right.items():
        found = _whole(terms.get(monomial, 0) + sign * factor)
        if found:
            terms[monomial] = found
        else:
            terms.pop(monomial, None)
    return terms


def _multiplied(left: Terms, right: Terms) -> dict[Monomial, Any]:
    if len(right) == 1 and _ONE in right:
        factor = right[_ONE]
        return {monomial: _whole(other * factor) for monomial, other in left.items()}
    terms: dict[Monomial, Any] = {}
    for one, factor in left.items():
        for other, times in right.items():
            monomial = tuple(sorted(one + other)) if one and other else one or other
            found = _whole(terms.get(monomial, 0) + factor * times)
            if found:
                terms[monomial] = found
            else:
                terms.pop(monomial, None)
    return terms
