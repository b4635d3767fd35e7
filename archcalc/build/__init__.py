"""Spec → Graph: arguments typed, blocks and repeats written out, names given, references resolved."""

from archcalc.build.assemble import Assembly, Overrides, assemble, build

__all__ = ["Assembly", "Overrides", "assemble", "build"]
