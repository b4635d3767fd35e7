"""A network as the source of a Keras model."""

from archcalc.formats.sources.keras.source import to_keras

__all__ = ["to_keras"]
