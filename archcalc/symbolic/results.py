"""Closed forms of a network as they are handed on: plain values, and what they are for other sizes."""

from collections.abc import Iterable, Mapping
from math import lcm
from typing import Any

from msgspec import Struct

from archcalc.errors import Problem, UsageError, did_you_mean
from archcalc.extras import need
from archcalc.symbolic.atoms import Condition, Symbol
from archcalc.symbolic.field import Field


class LayerForms(Struct, frozen=True):
    """The closed forms of one layer; the receptive field is None where it has none in numbers."""

    name: str
    op: str
    output: tuple[Any, ...]
    params: Any
    macs: Any
    flops: Any
    activation_bytes: Any
    receptive_field: tuple[Any, ...] | None


class Derivation(Struct, frozen=True):
    """Closed forms that hold for all values of the symbols in `ranges` for which `conditions` are true.

    `totals` has the keys of the JSON contract; one is None where it cannot be stated, and `reasons` says why.
    """

    symbols: tuple[Symbol, ...]
    field: Field
    totals: Mapping[str, Any]
    reasons: Mapping[str, str]
    layers: tuple[LayerForms, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The symbols that some total depends on."""
        used = {name for form in self._totals() for name in self.field.names_in(form)}
        return tuple(symbol.name for symbol in self.symbols if symbol.name in used)

    @property
    def ranges(self) -> dict[str, tuple[int, int]]:
        """Symbol → its least and its largest value."""
        return {
            symbol.name: tuple(end * symbol.period + symbol.residue for end in self.field.ranges[place])  # type: ignore[misc]
            for place, symbol in enumerate(self.symbols)
        }

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return self.field.conditions

    def expression(self, key: str) -> Any:
        """A total as sympy's expression (of shapes a tuple of them). Raises UsageError where sympy is missing."""
        need("sympy", "sympy", "symbolic", "an expression")
        from archcalc.symbolic.printing import Writer

        writer, form = Writer(self.field), self.totals[key]
        return tuple(map(writer.expression, form)) if isinstance(form, tuple) else writer.expression(form)

    def at(self, **values: int) -> dict[str, Any]:
        """The totals for other values of the symbols (those left out stay where the network stands): exact.

        Raises UsageError for values that the closed forms do not hold for.
        """
        here = {symbol.name: symbol.value for symbol in self.symbols}
        unknown = [name for name in values if name not in here]
        if unknown:
            raise UsageError(Problem(f"there is no symbol '{unknown[0]}'", None, did_you_mean(unknown[0], here)))
        here.update(values)
        self._need_true(here)
        return {key: self._valued(form, here) for key, form in self.totals.items()}

    def _need_true(self, values: Mapping[str, int]) -> None:
        for symbol in self.symbols:
            value, (low, high) = values[symbol.name], self.ranges[symbol.name]
            if not low <= value <= high or (value - symbol.residue) % symbol.period:
                step = f", {symbol.period}·t + {symbol.residue}" if symbol.period > 1 else ""
                message = f"{symbol.name} = {value} is none of the values that these closed forms hold for"
                raise UsageError(Problem(message, None, f"{low} to {high:,}{step}"))
        for condition in self.conditions:
            found = self.field.at(condition.form, values)
            if found < 0 or (found == 0 and condition.strict):
                raise UsageError(
                    Problem("these closed forms do not hold for such values", None, "see their conditions")
                )

    def _valued(self, form: Any, values: Mapping[str, int]) -> Any:
        if isinstance(form, tuple):
            return tuple(self.field.at(size, values) for size in form)
        return form if form is None else self.field.at(form, values)

    def _totals(self) -> Iterable[Any]:
        for form in self.totals.values():
            yield from form if isinstance(form, tuple) else (form,)

    def periods(self) -> dict[str, int]:
        """Symbol → the period at which no floor is left in any total."""
        found = {symbol.name: symbol.period for symbol in self.symbols}
        for form in self._totals():
            for name, period in self.field.moduli(form).items():
                found[name] = lcm(found[name], period)
        return found


class Formulas(Struct, frozen=True):
    """The closed forms of a network: `general` for all sizes, `even` for those at which strides come out even.

    `general` is None where the network fits together for some residues only, or where these were asked for; `even`
    where `general` has no floors, or where no period up to 4096 removes them. `meanings` says what each symbol is,
    `left_out` why a symbol that might have been expected is none.
    """

    network: str
    title: str
    batch: Any
    dtype: str
    general: Derivation | None
    even: Derivation | None
    meanings: Mapping[str, str]
    left_out: Mapping[str, str]

    @property
    def best(self) -> Derivation:
        """The simpler of the two: `even` where there is one."""
        found = self.even or self.general
        if found is None:
            raise AssertionError("closed forms that hold nowhere are never made")
        return found
