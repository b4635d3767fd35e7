"""A network as a spec that a person would have written: what repeats is found and written as blocks and repeats."""

from archcalc.formats.spec_text.spec import to_spec

__all__ = ["to_spec"]
