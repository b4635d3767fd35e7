"""The operators → the JSON Schema of specs, which editors use for completion and checks."""

import types
from typing import Any, Literal, Union, get_args, get_origin

from archcalc.builder.arguments import arguments_of
from archcalc.ops import OPS
from archcalc.ops.base import Op
from archcalc.spec.running import CHANNELS, MAX_SIDE
from archcalc.spec.schema import METRICS, PAPER, VERDICTS, VERSION

_EXPRESSION = {"type": "string", "pattern": "^=", "description": "an expression over vars, arguments and indices"}


def spec_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a spec: every operator with its arguments, every word of the language."""
    step = {"$ref": "#/$defs/step"}
    steps = {"type": "array", "items": step}
    text = {"type": "string"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "archcalc spec",
        "type": "object",
        "required": ["archcalc"],
        "additionalProperties": False,
        "properties": {
            "archcalc": {"const": VERSION},
            **dict.fromkeys(("extends", "name", "title", "family", "authors", "notes"), text),
            "paper": {"type": "object", "properties": {key: {} for key in PAPER}, "additionalProperties": False},
            "input": {"type": ["array", "string"], "description": "channels first, without the batch: [3, 224, 224]"},
            "vars": {"type": "object"},
            "alternatives": {"type": "object", "additionalProperties": {"type": "array"}},
            "ranges": {"type": "object", "additionalProperties": {"type": ["string", "array"]}},
            "published": {"type": "array", "items": {"$ref": "#/$defs/published"}},
            "weights": {"type": "string", "pattern": "\\.npz$", "description": "a file, from this one's folder"},
            "preprocess": {"$ref": "#/$defs/preprocess"},
            "labels": {"anyOf": [text, {"type": "array", "items": text, "minItems": 1}]},
            "blocks": {"type": "object", "additionalProperties": {"$ref": "#/$defs/block"}},
            "layers": steps,
        },
        "$defs": {
            "published": {
                "type": "object",
                "required": ["metric", "value", "source"],
                "additionalProperties": False,
                "properties": {
                    "metric": {"enum": list(METRICS)},
                    "value": {"type": "number"},
                    "tolerance": {"type": ["number", "string"]},
                    "source": text,
                    "note": text,
                    "layer": text,
                    "expect": {"enum": list(VERDICTS)},
                    "dataset": text,
                },
            },
            "preprocess": _preprocess(),
            "block": {
                "type": "object",
                "required": ["layers"],
                "additionalProperties": False,
                "properties": {"args": {"type": "object"}, "layers": steps},
            },
            "branch": {"anyOf": [steps, _words({"layers": steps, "if": {}, "repeat": {}, "as": text}, ["layers"])]},
            "repeat": _words(
                {"repeat": {}, "as": text, "name": text, "scope": {"type": "boolean"}, "if": {}, "layers": steps},
                ["repeat", "layers"],
            ),
            "step": {"anyOf": [text, {"$ref": "#/$defs/repeat"}, {"$ref": "#/$defs/layer"}]},
            # Blocks are called by names of the user's own: other keys stay allowed.
            "layer": {
                "type": "object",
                "properties": {
                    "repeat": False,
                    "input": False,
                    **{name: _call(op) for name, op in OPS.items() if name != "input"},
                },
            },
        },
    }


def _preprocess() -> dict[str, Any]:
    """How an image becomes the input of a network."""
    side = {"type": "integer", "minimum": 1, "maximum": MAX_SIDE}
    size = {"anyOf": [side, {"type": "array", "items": side, "minItems": 2, "maxItems": 2}]}
    per_channel = {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": max(CHANNELS.values())}
    properties = {
        "mode": {"enum": list(CHANNELS)},
        "invert": {"type": "boolean", "description": "for dark ink on light paper"},
        "resize": {**size, "description": "the shorter side, or [height, width]"},
        "crop": {**size, "description": "of the middle"},
        "divide": {"type": "number", "exclusiveMinimum": 0},
        "mean": per_channel,
        "std": per_channel,
    }
    return _words(properties, [])


def _words(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "required": required, "additionalProperties": False, "properties": properties}


def _call(op: type[Op]) -> dict[str, Any]:
    """What may stand behind an operator's keyword: its arguments, or branches where it joins."""
    arguments = {argument.name: _value(argument.type) for argument in arguments_of(op).values()}
    words = {"name": {}, "if": {}, "inputs": {}, "shares": {"type": "string"}}
    doc = (op.__doc__ or "").split("\n", 1)[0]
    call: dict[str, Any] = {
        "type": ["object", "null"],
        "description": doc,
        "properties": {**arguments, **words},
        "additionalProperties": False,
    }
    if op.arity is not None and op.arity < 2:
        return call
    branches = {"type": "array", "items": {"$ref": "#/$defs/branch"}, "description": doc}
    return {"anyOf": [call, branches]}


def _value(kind: Any) -> dict[str, Any]:
    """An argument's type, or an expression that gives one."""
    return {"anyOf": [*_kinds(kind), _EXPRESSION]}


def _kinds(kind: Any) -> list[dict[str, Any]]:
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return [schema for part in parts for schema in _kinds(part)]
    if origin is Literal:
        return [{"enum": list(parts)}]
    if hasattr(kind, "__metadata__"):
        meta = kind.__metadata__[0]
        bounds = {"minimum": meta.ge, "maximum": meta.le}
        return [{**_kinds(kind.__origin__)[0], **{key: bound for key, bound in bounds.items() if bound is not None}}]
    if origin is tuple:
        many = parts[-1] is Ellipsis
        size = {} if many else {"minItems": len(parts), "maxItems": len(parts)}
        return [{"type": "array", "items": _value(parts[0]), **size}]
    names = {int: "integer", float: "number", bool: "boolean", str: "string", type(None): "null"}
    return [{"type": names[kind]}]
