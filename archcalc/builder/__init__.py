"""Spec → Graph: arguments typed, blocks and repeats written out, names given, references resolved."""

from archcalc.builder.assemble import Assembly, assemble, build
from archcalc.builder.overrides import Overrides
from archcalc.builder.program import Prepared, prepare

__all__ = ["Assembly", "Overrides", "Prepared", "assemble", "build", "prepare"]
