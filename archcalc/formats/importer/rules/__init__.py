"""ONNX operator → the rule that writes it as layers: the one table."""

from archcalc.formats.importer.lowering import Rule
from archcalc.formats.importer.rules import movement, norm, places, pointwise, products, reduction, windowed

RULES: dict[str, Rule] = {
    **pointwise.RULES,
    **windowed.RULES,
    **products.RULES,
    **norm.RULES,
    **movement.RULES,
    **places.RULES,
    **reduction.RULES,
}
