"""The members of a network for many values of its free number: a pass for those that share a structure.

As in a sweep (`archcalc.space.engine`), on one number: a pass ends where its values disagree, and each part is a pass
of its own; what cannot be is looked at by itself.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from archcalc.errors import ArchcalcError
from archcalc.space.answer import Member
from archcalc.space.engine import FEW, spread_out
from archcalc.space.many import of_array
from archcalc.space.members import Members
from archcalc.space.operations import Parting
from archcalc.space.quantities import measure


def one_member(members: Members, value: Any, keys: Sequence[str]) -> Member:
    """The member of one value, analysed as every command does."""
    try:
        return Member(value, measure(members.analysis(value), keys))
    except ArchcalcError as error:
        return Member(value, {}, error.problems[0].message if error.problems else "")


def many_members(members: Members, values: Sequence[int | float], keys: Sequence[str]) -> Iterator[Member]:
    """The members of several values, in any order."""
    pending = [np.array(values)]
    while pending:
        part = pending.pop()
        if len(part) <= FEW:
            yield from (one_member(members, value, keys) for value in part.tolist())
            continue
        try:
            found = measure(members.analysis(of_array(part)), keys)
        except Parting as parting:
            labels = np.broadcast_to(parting.labels.ravel(), part.shape)
            pending += [part[labels == label] for label in np.unique(labels)]
        except ArchcalcError:
            # Not all of them need be impossible: halves are, or are not.
            pending += [part[: len(part) // 2], part[len(part) // 2 :]]
        else:
            columns = {key: spread_out(value, part.shape).tolist() for key, value in found.items()}
            for place, value in enumerate(part.tolist()):
                yield Member(value, {key: column[place] for key, column in columns.items()})
