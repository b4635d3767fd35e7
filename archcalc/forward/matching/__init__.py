"""Weights under names of another program → those of a network: by name, by order and shape, or not at all."""
