"""Closed forms → sympy's expressions, simplified, and these → text and LaTeX. The one module that imports sympy."""

from typing import Any, ClassVar

import sympy
from sympy.printing.latex import LatexPrinter
from sympy.printing.printer import Printer

from archcalc.numbers import grouped
from archcalc.symbolic.atoms import Condition, Symbol
from archcalc.symbolic.field import Field
from archcalc.symbolic.form import Form, key_of

_MOST_FACTORED = 60
"""Terms of an expression beyond which nobody looks for factors."""
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Writer:
    """The closed forms of one derivation as expressions and as text, each written once however many layers have it.

    A symbol that is assumed to be m·t is written itself, as m divides it (H/32 is whole); one that is assumed to be
    m·t + r, r > 0, as t under its own small letter: H = 32·h + 3.
    """

    def __init__(self, field: Field) -> None:
        self._field = field
        self._symbols = [
            sympy.Symbol(
                letter(symbol, field), integer=True, **{"positive" if field.ranges[place][0] else "nonnegative": True}
            )
            for place, symbol in enumerate(field.symbols)
        ]
        self._expressions: dict[Any, Any] = {}
        self._atoms: dict[int, Any] = {}
        self._texts: dict[Any, str] = {}
        self._latex: dict[Any, str] = {}

    def expression(self, number: Any) -> Any:
        """A form as a sympy expression: factored or expanded, by which is shorter."""
        found = self._expressions.get(key_of(number))
        if found is None:
            found = self._expressions[key_of(number)] = _simplest(self._sum(number))
        return found

    def text(self, number: Any) -> str:
        """A form as a lecture writes it: 27·C²."""
        found = self._texts.get(key_of(number))
        if found is None:
            found = self._texts[key_of(number)] = _TEXT.doprint(self.expression(number))
        return found

    def latex(self, number: Any) -> str:
        """A form for a paper, without dollar signs."""
        found = self._latex.get(key_of(number))
        if found is None:
            found = self._latex[key_of(number)] = _LATEX.doprint(self.expression(number))
        return found

    def condition(self, condition: Condition) -> str:
        """What must hold, in text."""
        return f"{self.text(condition.form)} {'>' if condition.strict else '≥'} 0"

    def parsable(self, number: Any) -> str:
        """A form as text that sympy.sympify reads again."""
        return str(self.expression(number))

    def _sum(self, number: Any) -> Any:
        if not isinstance(number, Form):
            return sympy.nsimplify(number, rational=True) if isinstance(number, float) else sympy.Integer(number)
        terms = []
        for monomial, factor in number.terms.items():
            times = sympy.Rational(factor.numerator, factor.denominator)
            terms.append(sympy.Mul(times, *(self._atom(place) for place in monomial)))
        return sympy.Add(*terms)

    def _atom(self, place: int) -> Any:
        found = self._atoms.get(place)
        if found is None:
            found = self._atoms[place] = self._made(place)
        return found

    def _made(self, place: int) -> Any:
        atom = self._field.atoms[place]
        if atom.kind == "symbol":
            symbol = self._field.symbols[place]
            written = self._symbols[place]
            return written / symbol.period if symbol.residue == 0 else written
        if atom.kind == "max":
            return sympy.Max(*(self.expression(part) for part in atom.parts), evaluate=False)
        numerator, k = atom.parts
        if isinstance(k, int) and isinstance(numerator, Form) and numerator.terms.get((), 0) == k - 1:
            return sympy.ceiling(self._sum(numerator - (k - 1)) / k)
        return sympy.floor(self._sum(numerator) / self._sum(k))


def letter(symbol: Symbol, field: Field) -> str:
    """What a symbol is written as: itself, or a small letter for t where it is m·t + r."""
    if symbol.residue == 0:
        return symbol.name
    others = {other.name for other in field.symbols}
    small = symbol.name.lower()
    return small if small not in others else f"{small}_"


def _simplest(expression: Any) -> Any:
    """An expression factored or expanded, by which is shorter."""
    if not isinstance(expression, sympy.Add) or len(expression.args) > _MOST_FACTORED:
        return expression
    candidates = [expression, sympy.factor_terms(expression), sympy.factor(expression)]
    return min(candidates, key=lambda candidate: len(_TEXT.doprint(candidate)))


class _Text(Printer):  # type: ignore[misc]
    """Text in the project's style. A method a kind of expression, as sympy's printers have them."""

    _default_settings: ClassVar[dict[str, Any]] = {"order": None}

    def _print_Integer(self, expr: Any) -> str:
        return grouped(int(expr))

    def _print_Rational(self, expr: Any) -> str:
        return f"{grouped(int(expr.p))}/{grouped(int(expr.q))}"

    def _print_Symbol(self, expr: Any) -> str:
        return str(expr.name)

    def _print_Add(self, expr: Any) -> str:
        terms = [self._print(term) for term in self._as_ordered_terms(expr)]
        joined = str(terms[0])
        for term in terms[1:]:
            joined += f" − {term[1:]}" if term.startswith("−") else f" + {term}"
        return joined

    def _print_Mul(self, expr: Any) -> str:
        factor, rest = expr.as_coeff_Mul()
        sign, factor = ("−", -factor) if factor < 0 else ("", factor)
        over, under = rest.as_numer_denom()
        over, under = over * factor.p, under * factor.q
        parts = [self._factor(part) for part in _ordered(over)]
        text = "·".join(parts)
        if under != 1:
            text = f"{text}/{self._factor(under)}"
        return sign + text

    def _print_Pow(self, expr: Any) -> str:
        base, exponent = expr.as_base_exp()
        if exponent == -1:
            return f"1/{self._factor(base)}"
        raised = str(exponent).translate(_SUPERSCRIPTS) if 0 < exponent < 10 else f"^{exponent}"
        return self._factor(base) + raised

    def _print_floor(self, expr: Any) -> str:
        return f"⌊{self._quotient(expr.args[0])}⌋"

    def _print_ceiling(self, expr: Any) -> str:
        return f"⌈{self._quotient(expr.args[0])}⌉"

    def _print_Max(self, expr: Any) -> str:
        return (
            f"max({', '.join(sorted((self._print(part) for part in expr.args), key=lambda text: (len(text), text)))})"
        )

    def _quotient(self, expr: Any) -> str:
        over, under = sympy.fraction(sympy.together(expr))
        if under == 1:
            return str(self._print(over))
        return f"{self._factor(over)}/{self._factor(under)}"

    def _factor(self, expr: Any) -> str:
        text = str(self._print(expr))
        return f"({text})" if isinstance(expr, sympy.Add) else text


def _ordered(product: Any) -> list[Any]:
    """The factors of a product: the number first, sums last."""
    number, rest = product.as_coeff_Mul()
    factors = [part for part in sympy.Mul.make_args(rest) if part != 1]
    factors.sort(key=lambda part: (isinstance(part, sympy.Add), part.sort_key()))
    return ([number] if number != 1 or not factors else []) + factors


class _Latex(LatexPrinter):  # type: ignore[misc]
    """sympy's LaTeX, with fractions inside floors as one fraction."""

    def _print_floor(self, expr: Any, exp: Any = None) -> str:
        return self._bracketed("floor", expr, exp)

    def _print_ceiling(self, expr: Any, exp: Any = None) -> str:
        return self._bracketed("ceil", expr, exp)

    def _bracketed(self, kind: str, expr: Any, exp: Any) -> str:
        inner = self._print(sympy.together(expr.args[0]))
        text = rf"\left\l{kind} {inner} \right\r{kind}"
        return text if exp is None else rf"{text}^{{{exp}}}"

    def _print_Symbol(self, expr: Any, style: str = "plain") -> str:
        name = str(expr.name)
        return name if len(name) == 1 else rf"\mathrm{{{name}}}".replace("_", r"\_")


_TEXT = _Text()
_LATEX = _Latex({"mul_symbol": "dot"})
