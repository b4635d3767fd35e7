"""Where in the source a node or an array of a file comes from, as far as exporters tell."""

import re
from ast import literal_eval

_GENERATED = re.compile(r"onnx::|val_\d+$|/|::|:\d+$|^_?\d+$|^const|^Constant|^initializer|^n\d+$")
_NUMBERED = re.compile(r"_\d+$")
_WEIGHT_NAME = re.compile(r"[A-Za-z_][\w-]*(\.[\w-]+)*$")


def state_name(name: str) -> str:
    """The name that a state dict has for an array; empty for names that exporters make up."""
    return name if _WEIGHT_NAME.match(name) and not _GENERATED.search(name) else ""


NAME_SCOPES = "pkg.torch.onnx.name_scopes"


def scope_of(label: str, kind: str, noted: str) -> str:
    """The dotted path of the module that called an operator; empty where nothing tells.

    torch's exporter through TorchDynamo notes the list of scopes (`['', 'layer1', 'layer1.0', 'conv2d']`); the one
    through TorchScript makes a path of them (`/layer1/layer1.0/conv1/Conv`), in which each part may repeat its parents.
    """
    if noted:
        try:
            scopes = literal_eval(noted)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return ""
        texts = [scope for scope in scopes if isinstance(scope, str)] if isinstance(scopes, list) else []
        return texts[-2] if len(texts) > 1 else ""
    if "/" not in label:
        return ""
    *parts, last = [part for part in label.split("/") if part]
    if not label.startswith("/") and _NUMBERED.sub("", last) != kind:
        parts = parts if last == kind else [*parts, last]
    path: list[str] = []
    for part in parts:
        if path and part.startswith(path[-1] + "."):
            path[-1] = part
        else:
            path.append(part)
    return ".".join(path)
