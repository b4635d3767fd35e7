"""Small classes and functions that a source holds where torch has none of its own, each written only where it is used.

They are texts, formatted as the rest of the source is; what they compute is held against our own kernels.
"""

_PADDED_CONV = '''\
class PaddedConv{rank}d(nn.Conv{rank}d):
    """A convolution with padding that is not the same on both sides; `sides` are those of `F.pad`."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size, sides: tuple[int, ...], **options) -> None:
        super().__init__(in_channels, out_channels, kernel_size, **options)
        self.sides = sides

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(F.pad(x, self.sides))
'''

_PADDED_MAX = '''\
class PaddedMaxPool{rank}d(nn.MaxPool{rank}d):
    """A pooling with padding that is not the same on both sides; `sides` are those of `F.pad`."""

    def __init__(self, sides: tuple[int, ...], kernel_size, **options) -> None:
        super().__init__(kernel_size, **options)
        self.sides = sides

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(F.pad(x, self.sides, value=-torch.inf))
'''

_PADDED_MEAN = '''\
class PaddedAvgPool{rank}d(nn.AvgPool{rank}d):
    """A pooling with padding that is not the same on both sides: the sum of each window by how many units count.

    `sides` and `beyond` are those of `F.pad`; what is beyond never counts, and padding does where it is `counted`.
    """

    def __init__(self, sides: tuple[int, ...], beyond: tuple[int, ...], counted: bool, kernel_size, **options) -> None:
        super().__init__(kernel_size, **options)
        self.sides = sides
        self.beyond = beyond
        self.counted = counted

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        counts = F.pad(torch.ones_like(x[:1, :1]), self.sides, value=float(self.counted))
        sums = super().forward(F.pad(F.pad(x, self.sides), self.beyond))
        return sums / super().forward(F.pad(counts, self.beyond))
'''

_PADDED_NORM = '''\
class PaddedLPPool{rank}d(nn.LPPool{rank}d):
    """A pooling to the norm of each window, with zeros before and after; `sides` are those of `F.pad`."""

    def __init__(self, sides: tuple[int, ...], norm_type: float, kernel_size, **options) -> None:
        super().__init__(norm_type, kernel_size, **options)
        self.sides = sides

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(F.pad(x, self.sides))
'''

HELPERS: dict[str, str] = {
    **{f"PaddedConv{rank}d": _PADDED_CONV.format(rank=rank) for rank in (1, 2, 3)},
    **{f"PaddedMaxPool{rank}d": _PADDED_MAX.format(rank=rank) for rank in (1, 2, 3)},
    **{f"PaddedAvgPool{rank}d": _PADDED_MEAN.format(rank=rank) for rank in (1, 2, 3)},
    **{f"PaddedLPPool{rank}d": _PADDED_NORM.format(rank=rank) for rank in (1, 2, 3)},
    "LayerNormAlong": '''\
class LayerNormAlong(nn.LayerNorm):
    """Layer normalisation along an axis that is not the last."""

    def __init__(self, dim: int, normalized_shape: int, **options) -> None:
        super().__init__(normalized_shape, **options)
        self.dim = dim

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.movedim(self.dim, -1)).movedim(-1, self.dim)
''',
    "RMSNormAlong": '''\
class RMSNormAlong(nn.RMSNorm):
    """Normalisation by the root mean square along an axis that is not the last."""

    def __init__(self, dim: int, normalized_shape: int, **options) -> None:
        super().__init__(normalized_shape, **options)
        self.dim = dim

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.movedim(self.dim, -1)).movedim(-1, self.dim)
''',
    "Constant": '''\
class Constant(nn.Module):
    """An array that enters the network and that training leaves as it is."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.register_buffer("value", torch.zeros(shape))
''',
    "untrained": '''\
def untrained(module: nn.Module) -> nn.Module:
    """The module with buffers in the place of its parameters."""
    for name, parameter in list(module.named_parameters(recurse=False)):
        delattr(module, name)
        module.register_buffer(name, parameter.detach())
    return module
''',
    "LayerScale": '''\
class LayerScale(nn.Module):
    """A learned factor for each channel, which has `behind` axes behind it."""

    def __init__(self, channels: int, behind: int = 0) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.behind = behind

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gamma.reshape(-1, *[1] * self.behind)
''',
    "DropPath": '''\
class DropPath(nn.Module):
    """Drops a branch for a sample with probability p while it is trained."""

    def __init__(self, p: float = 0.0) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.p == 0.0:
            return x
        kept = torch.rand(len(x), *[1] * (x.ndim - 1), device=x.device) >= self.p
        return x * kept / (1.0 - self.p) if self.p < 1.0 else torch.zeros_like(x)
''',
    "DropMean": '''\
class DropMean(nn.Module):
    """The mean of its inputs; while it is trained, each is dropped with probability p, but never all."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        x = torch.stack(torch.broadcast_tensors(*inputs))
        if not self.training:
            return x.mean(dim=0)
        kept = torch.rand(len(x), device=x.device) >= self.p
        if not kept.any():
            kept[torch.randint(len(x), ())] = True
        return x[kept].mean(dim=0)
''',
    "Parameter": '''\
class Parameter(nn.Module):
    """A learned array that enters the network."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape).uniform_(-0.02, 0.02))
''',
}
"""Name of a class or function → its source."""
