"""A stand-in for torch that computes nothing: it checks calls, names modules and records what flows through them.

Which arguments a module takes comes from torch's own signatures (`reference_data/signatures.json`); which weights it
has and in which shapes stands here as torch's documentation has it (docs.pytorch.org/docs/stable/nn.html).
"""

import json
import sys
from collections.abc import Callable, Iterator
from math import prod
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

TABLE = json.loads((Path(__file__).parents[1] / "reference_data/signatures.json").read_text("utf-8"))

Shape = tuple[int, ...]


def bound(signature: dict[str, bool], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments by their names. Raises TypeError for what the signature does not take or lacks."""
    names = list(signature)
    if len(args) > len(names):
        raise TypeError(f"{len(args)} arguments for {names}")
    found = dict(zip(names, args, strict=False))
    for name, value in kwargs.items():
        if name not in signature or name in found:
            raise TypeError(f"no argument {name} among {names}")
        found[name] = value
    missing = [name for name, default in signature.items() if not default and name not in found]
    if missing:
        raise TypeError(f"{missing} are missing")
    return found


class Tensor:
    """A value: what it was made by, and of which others. As a parameter it has a shape."""

    def __init__(self, made: Any, shape: Shape = ()) -> None:
        self.made = made
        self.shape = shape

    def __add__(self, other: "Tensor") -> "Tensor":
        return Tensor(("+", self.made, other.made))

    def detach(self) -> "Tensor":
        return self

    def uniform_(self, low: float, high: float) -> "Tensor":
        return self


class Module:
    """Registers modules, parameters and buffers as torch's does."""

    def __init__(self) -> None:
        self.__dict__.update(_modules={}, _own={}, place="")

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Module):
            self._modules[name] = value
        elif isinstance(value, Tensor):
            self._own[name] = value.shape
        else:
            self.__dict__[name] = value

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__.get("_modules", {}) and name not in TABLE["attributes"]:
            return self._modules[name]
        raise AttributeError(name)

    def __delattr__(self, name: str) -> None:
        del self._own[name]

    def named_parameters(self, recurse: bool) -> Iterator[tuple[str, Tensor]]:
        """Those of the module itself; none of what is under test has buffers as well."""
        assert not recurse
        yield from ((name, Tensor(name, shape)) for name, shape in self._own.items())

    def register_buffer(self, name: str, value: Tensor) -> None:
        self._own[name] = value.shape

    def state(self, prefix: str = "") -> Iterator[tuple[str, Shape]]:
        """The names and shapes of all weights; modules learn where they are."""
        self.__dict__["place"] = prefix[:-1]
        yield from ((f"{prefix}{name}", shape) for name, shape in self._own.items())
        for name, module in self._modules.items():
            yield from module.state(f"{prefix}{name}.")

    def __call__(self, *inputs: Any) -> Any:
        return self.forward(*inputs)

    def forward(self, *inputs: Tensor) -> Tensor:
        return Tensor((self.place, *(x.made for x in inputs)))


class Sequential(Module):
    def __init__(self, *modules: Module) -> None:
        super().__init__()
        self._modules.update({str(number): module for number, module in enumerate(modules)})

    def forward(self, *inputs: Tensor) -> Any:
        (x,) = inputs
        for module in self._modules.values():
            x = module(x)
        return x


def _sizes(value: Any, rank: int) -> Shape:
    return value if isinstance(value, tuple) else (value,) * rank


def _conv(a: dict[str, Any], rank: int) -> dict[str, Shape]:
    kernel = _sizes(a["kernel_size"], rank)
    weight = (a["out_channels"], a["in_channels"] // a.get("groups", 1), *kernel)
    return {"weight": weight, **({"bias": weight[:1]} if a.get("bias", True) else {})}


def _conv_transpose(a: dict[str, Any], rank: int) -> dict[str, Shape]:
    outputs = a["out_channels"]
    weight = (a["in_channels"], outputs // a.get("groups", 1), *_sizes(a["kernel_size"], rank))
    return {"weight": weight, **({"bias": (outputs,)} if a.get("bias", True) else {})}


def _batch_norm(a: dict[str, Any], rank: int) -> dict[str, Shape]:
    channels = (a["num_features"],)
    names = ("weight", "bias") if a.get("affine", True) else ()
    return dict.fromkeys((*names, "running_mean", "running_var"), channels)


def _layer_norm(a: dict[str, Any], rank: int) -> dict[str, Shape]:
    shape = _sizes(a["normalized_shape"], 1)
    names = ("weight", "bias") if a.get("bias", True) else ("weight",)
    return dict.fromkeys(names, shape) if a.get("elementwise_affine", True) else {}


def _attention(a: dict[str, Any], rank: int) -> dict[str, Shape]:
    e = a["embed_dim"]
    matrices = {"in_proj_weight": (3 * e, e), "out_proj.weight": (e, e)}
    return matrices | ({"in_proj_bias": (3 * e,), "out_proj.bias": (e,)} if a.get("bias", True) else {})


def _linear(a: dict[str, Any], rank: int) -> dict[str, Shape]:
    outputs = a["out_features"]
    return {"weight": (outputs, a["in_features"]), **({"bias": (outputs,)} if a.get("bias", True) else {})}


WEIGHTS: dict[str, Callable[[dict[str, Any], int], dict[str, Shape]]] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "BatchNorm": _batch_norm,
    "Linear": _linear,
    "MultiheadAttention": _attention,
    "LayerNorm": _layer_norm,
    "RMSNorm": lambda a, rank: _layer_norm({**a, "bias": False}, rank),
    "GroupNorm": lambda a, rank: (
        dict.fromkeys(("weight", "bias"), (a["num_channels"],)) if a.get("affine", True) else {}
    ),
    "InstanceNorm": lambda a, rank: dict.fromkeys(("weight", "bias"), (a["num_features"],)) if a.get("affine") else {},
    "PReLU": lambda a, rank: {"weight": (a.get("num_parameters", 1),)},
}


def _module(name: str) -> type[Module]:
    signature, rank = TABLE["torch"][name], int(name[-2]) if name[-1] == "d" and name[-2].isdigit() else 0
    weights = WEIGHTS.get(name[:-2] if rank else name, lambda a, rank: {})

    def start(self: Module, *args: Any, **kwargs: Any) -> None:
        Module.__init__(self)
        self._own.update(weights(bound(signature, args, kwargs), rank))

    return type(name, (Module,), {"__init__": start})


def _sized(*shape: Any) -> Tensor:
    sizes = shape[0] if isinstance(shape[0], tuple) else shape
    assert prod(sizes) > 0
    return Tensor("parameter", sizes)


def execute(source: str) -> dict[str, Any]:
    """The names that a source for torch defines, with the stand-in in torch's place."""
    nn: Any = ModuleType("torch.nn")
    nn.__dict__.update({name: _module(name) for name in TABLE["torch"]})
    nn.__dict__.update(Module=Module, Sequential=Sequential, Parameter=lambda tensor: tensor)
    nn.functional = ModuleType("torch.nn.functional")
    torch: Any = ModuleType("torch")
    torch.__dict__.update(nn=nn, Tensor=Tensor, empty=_sized, ones=_sized, zeros=_sized, linalg=SimpleNamespace())
    names: dict[str, Any] = {"__name__": "source"}
    with mock.patch.dict(sys.modules, {"torch": torch, "torch.nn": nn, "torch.nn.functional": nn.functional}):
        exec(compile(source, "source.py", "exec"), names)  # noqa: S102 - we have written it
    return names


def model_of(source: str) -> Module:
    """The network of a source: what its last class makes."""
    *_, kind = (value for value in execute(source).values() if isinstance(value, type))
    model: Module = kind()
    return model
