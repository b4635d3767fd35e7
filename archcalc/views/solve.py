"""What solve found → a table, and the same as plain data."""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from archcalc.space.answer import Member, Solution
from archcalc.space.legal import Legal, Run, runs
from archcalc.space.quantities import QUANTITIES
from archcalc.space.terms import Condition, Name, Term
from archcalc.views.table import Cell, Column, Kind, Row, Table

_MOST_SIZES = 6


class Asked(Struct, frozen=True):
    """What was asked: of which network, which number, over which range, under which conditions."""

    title: str
    conventions: str
    target: str
    range: str
    conditions: tuple[Condition, ...]
    smallest: bool


def solution_table(asked: Asked, found: Solution) -> Table:
    """The quantities at the answer and one step beyond it, with the limits and which of them binds."""
    end, wanted = ("smallest", "smaller") if asked.smallest else ("largest", "larger")
    conditions = " and ".join(_bracketed(condition, asked.conditions) for condition in asked.conditions)
    notes = [f"range {asked.range}: {found.tried:,} values tried" + _no_networks(found)]
    if found.answer is None:
        title = f"{asked.title}: no {asked.target} keeps {conditions}"
        members = [] if found.nearest is None else [found.nearest]
        miss = "shown is the nearest miss, by the worst share of a limit"
        notes.insert(0, miss if members else "no value gives a network")
    else:
        title = f"{asked.title}: {end} {asked.target} with {conditions}"
        members = [found.answer] if found.beyond is None or found.beyond.problem else [found.answer, found.beyond]
        notes.insert(0, _why(asked, found, wanted))
    columns = [Column("quantity", "")]
    columns += [Column(f"at_{i}", f"{asked.target} = {member.value}", "number") for i, member in enumerate(members)]
    columns += [Column("limit", "Limit")]
    rows = []
    for key in members[0].values if members else ():
        limits = _limits(key, asked.conditions, found, members[-1])
        name, kind = _unit(key, bool(limits))
        rows.append(Row((name, *(Cell(member.values[key], kind) for member in members), limits)))
    return Table(title, asked.conventions, tuple(columns), tuple(rows), notes=tuple(notes))


def _bracketed(condition: Condition, among: tuple[Condition, ...]) -> str:
    return f"({condition.text})" if len(among) > 1 and " or " in condition.text else condition.text


def _unit(key: str, limited: bool) -> tuple[str, Kind]:
    """How a quantity is written: what has a limit to the last byte, since both columns may look the same in MiB."""
    title = QUANTITIES[key].title
    if QUANTITIES[key].kind != "bytes":
        return title, "count"
    return (f"{title} (bytes)", "count") if limited else (title, "bytes")


def _limits(key: str, conditions: Iterable[Condition], found: Solution, last: Member) -> str:
    """The limits of a quantity, and what became of them."""
    terms = [term for condition in conditions for term in condition.terms if term.left.key == key]
    told = []
    for term in dict.fromkeys(terms):
        word = ", binds" if term in found.binding else ""
        if found.answer is None and not term.holds(last.values):
            word = ", missed"
        told.append(_limit(term) + word)
    return "; ".join(told)


def _limit(term: Term) -> str:
    return f"{term.sign} {term.right.key if isinstance(term.right, Name) else term.right.text}"


def _why(asked: Asked, found: Solution, wanted: str) -> str:
    """Why it is no larger, or no smaller."""
    if found.beyond is None:
        return f"the range ends here: a {wanted} {asked.target} may do as well (--range)"
    if found.beyond.problem:
        return f"{asked.target} = {found.beyond.value} gives no network: {found.beyond.problem}"
    binding = ", ".join(dict.fromkeys(term.text for term in found.binding))
    return f"binds: {binding}"


def _no_networks(found: Solution) -> str:
    if found.example is None:
        return ""
    return f", {found.impossible:,} of them give no network, such as {found.example.value}: {found.example.problem}"


def solution_document(network: str, asked: Asked, found: Solution) -> dict[str, Any]:
    """What JSON shows of a solution."""
    return {
        "network": network,
        "for": asked.target,
        "range": asked.range,
        "direction": "smallest" if asked.smallest else "largest",
        "to": [condition.text for condition in asked.conditions],
        "answer": _member(found.answer),
        "beyond": _member(found.beyond),
        "binds": list(dict.fromkeys(term.text for term in found.binding)),
        "nearest": _member(found.nearest),
        "tried": found.tried,
        "impossible": found.impossible,
    }


def _member(member: Member | None) -> dict[str, Any] | None:
    if member is None:
        return None
    found = {"value": member.value, "quantities": member.values}
    return {**found, "problem": member.problem} if member.problem else found


def legal_table(title: str, conventions: str, legal: Legal, flat: bool) -> Table:
    """The sizes at which nothing is lost, as progressions; `flat` has a row for every size."""
    lists = (("every pixel is read", legal.whole), ("every window divides exactly", legal.exact))
    shown = f"{conventions} · square inputs from {legal.low} to {legal.high}"
    if flat:
        return Table(f"{title}: legal inputs", shown, _EVERY_SIZE, tuple(_every_size(legal)))
    rows = []
    for name, sizes in lists:
        for number, run in enumerate(runs(sizes, legal.high)):
            rows.append(Row((name if number == 0 else "", _form(run), len(run.sizes), _sizes(run))))
        if not sizes:
            rows.append(Row((name, "never", 0, "")))
    columns = (
        Column("what", "Where"),
        Column("form", "Sizes of the form"),
        Column("count", "Count", "count", 1),
        Column("sizes", "Sizes", "prose"),
    )
    notes = ["divides exactly: the padded map of every layer is a whole number of steps, nothing is padded in vain"]
    if legal.impossible:
        notes.append(f"{legal.impossible:,} sizes are too small for this network, or do not fit it")
    return Table(f"{title}: legal inputs", shown, columns, tuple(rows), notes=tuple(notes))


_EVERY_SIZE = (Column("input", "Input", "number"), Column("exact", "Divides exactly"))


def _every_size(legal: Legal) -> Iterable[Row]:
    exact = {*legal.exact}
    return (Row((size, str(size in exact).lower())) for size in legal.whole)


def _form(run: Run) -> str:
    if run.step == 0:
        return "no pattern" if len(run.sizes) > 1 else str(run.sizes[0])
    if run.step == 1:
        return "every size"
    return f"{run.step}·k + {run.offset}" if run.offset else f"{run.step}·k"


def _sizes(run: Run) -> str:
    """The first sizes and the last: `193, 225, 257, … 481`."""
    sizes = list(map(str, run.sizes))
    if len(sizes) <= _MOST_SIZES or run.step == 0:
        return ", ".join(sizes)
    return f"{', '.join(sizes[:3])}, … {sizes[-1]}"


def legal_document(network: str, legal: Legal) -> dict[str, Any]:
    """What JSON shows of legal inputs."""
    return {
        "network": network,
        "from": legal.low,
        "to": legal.high,
        "whole": list(legal.whole),
        "exact": list(legal.exact),
        "impossible": legal.impossible,
    }
