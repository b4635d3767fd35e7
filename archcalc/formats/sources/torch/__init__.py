"""A network as the source of a `torch.nn.Module`."""

from archcalc.formats.sources.torch.source import to_torch

__all__ = ["to_torch"]
