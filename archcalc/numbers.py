"""One arithmetic for five kinds of number.

Facts of operators are written once, with `+ - * //` and the helpers below, and run unchanged on

- `int`: the analyses;
- `Traced`: an int that remembers the expression it came from, so that `explain` prints the computation itself;
- sympy expressions: closed forms;
- numpy int64 arrays: thousands of sizes at once;
- `Varying`: the numbers of many variants of a network, in a spec's expressions, checks and analyses as well
  (`archcalc.space.many`).

Nothing here imports sympy or numpy: their operators are enough. To the type checker a fact deals in `int`; the other
four obey the same laws.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any, Union

Operand = Union[int, "Traced"]

_SUM, _PRODUCT, _ATOM = 1, 2, 3


class Traced:
    """An integer with its derivation.

    A leaf has a name (`kernel_size`) and a value; a result has an operator and operands. `formula` prints the names,
    `substituted` the values. A *quiet* number is one that lectures leave out while it changes nothing (dilation 1,
    groups 1): `x·1`, `x//1` and `x + 0` with a quiet partner, or a literal one, stay `x`.
    """

    __slots__ = ("name", "operands", "operator", "quiet", "value")

    def __init__(
        self, value: int, name: str = "", quiet: bool = False, operator: str = "", operands: tuple[Operand, ...] = ()
    ) -> None:
        self.value = value
        self.name = name
        self.quiet = quiet
        self.operator = operator
        self.operands = operands

    @property
    def formula(self) -> str:
        """The expression in names: `(height − kernel_size + 2·padding)//stride + 1`."""
        return _text(self, names=True)[0]

    @property
    def substituted(self) -> str:
        """The expression with the values put in: `(227 − 11 + 2·0)//4 + 1`."""
        return _text(self, names=False)[0]

    def __add__(self, other: Operand) -> "Traced":
        if other is self:
            return 2 * self
        return self if _is_idle(other, 0) else _as_traced(other) if _is_idle(self, 0) else _combine("+", self, other)

    def __radd__(self, other: int) -> "Traced":
        return self if other == 0 else _combine("+", other, self)

    def __sub__(self, other: Operand) -> "Traced":
        return self if _is_idle(other, 0) else _combine("-", self, other)

    def __rsub__(self, other: int) -> "Traced":
        return _combine("-", other, self)

    def __mul__(self, other: Operand) -> "Traced":
        if _is_idle(other, 1) or _is_idle(self, 0):
            return self
        return _as_traced(other) if _is_idle(self, 1) or _is_idle(other, 0) else _combine("*", self, other)

    def __rmul__(self, other: int) -> "Traced":
        return self if other == 1 else Traced(0, quiet=True) if other == 0 else _combine("*", other, self)

    def __floordiv__(self, other: Operand) -> "Traced":
        return self if _is_idle(other, 1) else _combine("//", self, other)

    def __rfloordiv__(self, other: int) -> "Traced":
        return _combine("//", other, self)

    def __neg__(self) -> "Traced":
        return _combine("-", _ZERO, self)

    def __int__(self) -> int:
        return self.value

    __index__ = __int__

    def __bool__(self) -> bool:
        return bool(self.value)

    def __eq__(self, other: object) -> bool:
        return self.value == other

    def __lt__(self, other: Operand) -> bool:
        return self.value < int(other)

    def __le__(self, other: Operand) -> bool:
        return self.value <= int(other)

    def __gt__(self, other: Operand) -> bool:
        return self.value > int(other)

    def __ge__(self, other: Operand) -> bool:
        return self.value >= int(other)

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return f"Traced({self.substituted} = {self.value})"


_ZERO = Traced(0)  # what a negation is taken from
_COMPUTE: dict[str, Any] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b,
    "ceil": lambda a, b: -(-a // b),
    "max": max,
    "min": min,
    "gcd": math.gcd,
}
_INFIX = {"+": (" + ", _SUM), "-": (" − ", _SUM), "*": ("·", _PRODUCT), "//": ("//", _PRODUCT)}


def _is_idle(number: Operand, value: int) -> bool:
    """Whether an operand is the one that changes nothing and is not worth showing: a literal, or a quiet number."""
    return number == value and (number.quiet if isinstance(number, Traced) else True)


def _as_traced(number: Operand) -> Traced:
    return number if isinstance(number, Traced) else Traced(number, quiet=True)


def _combine(operator: str, left: Operand, right: Operand) -> Traced:
    value = _COMPUTE[operator](int(left), int(right))
    # What is computed from quiet numbers and constants alone is quiet too: dilation − 1.
    quiet = all(number.quiet if isinstance(number, Traced) else True for number in (left, right))
    operands: tuple[Operand, ...] = (left, right)
    if operator in ("+", "*") and isinstance(left, Traced) and left.operator == operator:
        operands = (*left.operands, right)  # one flat sum: a concatenation of a thousand branches is not a deep tree
    return Traced(value, "", quiet, operator, operands)


def _text(number: Operand, names: bool) -> tuple[str, int]:
    """The text of a number and how tightly it binds. Sums and products are flat, so the depth is a few levels."""
    if isinstance(number, int) or not number.operator:
        value = int(number)
        name = number.name if isinstance(number, Traced) and names else ""
        return name or grouped(value), _ATOM if name or value >= 0 else _SUM
    parts = [_text(operand, names) for operand in number.operands]
    if number.operator == "ceil":
        return f"⌈{_bracket(*parts[0], _PRODUCT)}/{_bracket(*parts[1], _ATOM)}⌉", _ATOM
    if number.operator in ("max", "min", "gcd"):
        return f"{number.operator}({parts[0][0]}, {parts[1][0]})", _ATOM
    if number.operator == "-" and number.operands[0] is _ZERO:
        # −(a//b) and (−a)//b are two numbers.
        return f"−{_bracket(*parts[1], _ATOM if _is_quotient(number.operands[1]) else _PRODUCT)}", _SUM
    sign, binds = _INFIX[number.operator]
    # a − (b − c), (a·b)//c, a//(b·c) and a·(b//c) need their brackets; sums and products among themselves do not.
    tight = binds + 1 if number.operator in ("-", "//") else binds
    texts = [_bracket(*parts[0], binds)]
    for operand, part in zip(number.operands[1:], parts[1:], strict=True):
        texts.append(_bracket(*part, binds + 1 if _is_quotient(operand) and binds == _PRODUCT else tight))
    return sign.join(texts), binds


def _is_quotient(number: Operand) -> bool:
    """Whether a text begins with a quotient, which a sign or factor put before it would tear apart."""
    if not isinstance(number, Traced):
        return False
    return number.operator == "//" or (number.operator == "*" and _is_quotient(number.operands[0]))


def _bracket(text: str, binds: int, needed: int) -> str:
    return text if binds >= needed else f"({text})"


def grouped(value: int) -> str:
    """An integer as people read it: `34,848`, with a true minus sign."""
    return f"{value:,}".replace("-", "−")


class Varying:
    """Base of numbers that stand for those of many variants at once: arithmetic on one is arithmetic on each.

    A question (is it below 1? how often is this repeated?) has one answer where all variants agree. Where they do not,
    asking raises what parts them. So there is no hash: sets and mappings of sizes are written with comparisons.
    """

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    @property
    def kind(self) -> type:
        """int, float or bool: what it is in each variant."""
        raise NotImplementedError

    def agreed(self) -> Any:
        """Its value where all variants have the same; parts them otherwise."""
        raise NotImplementedError

    def larger(self, other: Any) -> Any:
        raise NotImplementedError

    def smaller(self, other: Any) -> Any:
        raise NotImplementedError

    def divisor(self, other: Any) -> Any:
        """The greatest common divisor with another number."""
        raise NotImplementedError

    def chosen(self, first: Any, second: Any) -> Any:
        """Of a bool: `first` where it is true, `second` elsewhere. Both are numbers of one kind."""
        raise NotImplementedError

    def each(self, function: Callable[..., Any], *others: Any) -> Any:
        """What a function of numbers gives for each variant; parts those that it fails for from the others."""
        raise NotImplementedError

    def finite(self) -> bool:
        raise NotImplementedError


def agreed(value: Any) -> Any:
    """A value that decides about structure: one for all variants, which are parted where theirs differ."""
    return value.agreed() if isinstance(value, Varying) else value


def ceil_div(a: int, b: int) -> int:
    """⌈a / b⌉ for b > 0."""
    if isinstance(a, Traced) or isinstance(b, Traced):
        return _combine("ceil", a, b)
    return -(-a // b)


def maximum(a: int, b: int) -> int:
    """The larger of two numbers, without a comparison where a comparison is not defined (symbols, arrays)."""
    if isinstance(a, int) and isinstance(b, int):
        return max(a, b)
    if isinstance(a, Traced) or isinstance(b, Traced):
        return _combine("max", a, b)
    if isinstance(a, Varying) or isinstance(b, Varying):
        found: int = a.larger(b) if isinstance(a, Varying) else b.larger(a)
        return found
    return (a + b + abs(a - b)) // 2


def minimum(a: int, b: int) -> int:
    """The smaller of two numbers, likewise."""
    if isinstance(a, int) and isinstance(b, int):
        return min(a, b)
    if isinstance(a, Traced) or isinstance(b, Traced):
        return _combine("min", a, b)
    if isinstance(a, Varying) or isinstance(b, Varying):
        found: int = a.smaller(b) if isinstance(a, Varying) else b.smaller(a)
        return found
    return (a + b - abs(a - b)) // 2


def largest(numbers: Sequence[int]) -> int:
    """The largest of numbers, of which there is one at least."""
    if any(isinstance(number, Varying) for number in numbers):
        return reduce(maximum, numbers)
    return max(numbers)


def product(numbers: Iterable[int]) -> int:
    """The product, without a leading `1·` in its trace; 1 for no numbers."""
    result: int | None = None
    for number in numbers:
        result = number if result is None else result * number
    return 1 if result is None else result


def total(numbers: Iterable[int]) -> int:
    """The sum, without a leading `0 +` in its trace; 0 for no numbers."""
    result: int | None = None
    for number in numbers:
        result = number if result is None else result + number
    return 0 if result is None else result


def gcd(a: int, b: int) -> int:
    """The greatest common divisor. `a` may be any number; beside a symbol or an array, `b` is an int.

    There it is computed without a comparison: gcd(a, b) = a + b − a·b + 2·Σ_{0<k<b} ⌊k·a/b⌋ (Polezzi 1997).
    """
    if isinstance(a, int) and isinstance(b, int):
        return math.gcd(a, b)
    if isinstance(a, Traced) or isinstance(b, Traced):
        return _combine("gcd", a, b)
    if isinstance(a, Varying) or isinstance(b, Varying):
        found: int = a.divisor(b) if isinstance(a, Varying) else b.divisor(a)
        return found
    return a + b - a * b + 2 * total(k * a // b for k in range(1, b))
