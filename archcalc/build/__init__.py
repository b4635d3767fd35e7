"""Spec → Graph: arguments typed, blocks and repeats written out, names given, references resolved."""

from archcalc.build.assemble import Assembly, assemble, build
from archcalc.build.overrides import Overrides

__all__ = ["Assembly", "Overrides", "assemble", "build"]
