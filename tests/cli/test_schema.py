"""The JSON Schema that editors use: valid itself, true to every spec, against what is no spec."""

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from archcalc.errors import Source
from archcalc.ops import OPS
from archcalc.ops.base import Op
from archcalc.spec import zoo
from archcalc.spec.tree import plain, read_tree

from .running import ROOT, run, spec, succeed

OPERATORS = sorted({*OPS} - {"input"})


@functools.cache
def schema() -> dict[str, Any]:
    return dict(json.loads(succeed("schema")))


@functools.cache
def validator() -> Draft202012Validator:
    return Draft202012Validator(schema())


def is_valid(text: str) -> bool:
    """Whether an editor has nothing against a spec; its scalars are read as YAML 1.2 reads them, by our own reader."""
    return bool(validator().is_valid(plain(read_tree(Source("<text>", text)))))


def calls(keyword: str) -> Iterator[dict[str, Any]]:
    """The forms that may stand behind an operator's keyword."""
    call = schema()["$defs"]["layer"]["properties"][keyword]
    yield from call.get("anyOf", [call])


def arguments(keyword: str) -> dict[str, Any]:
    """The words that may stand in the mapping behind an operator's keyword."""
    return {name: value for form in calls(keyword) for name, value in form.get("properties", {}).items()}


def test_the_schema_is_one() -> None:
    """Draft 2020-12's own schema has nothing against it, and it says so itself."""
    Draft202012Validator.check_schema(schema())
    assert schema()["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


def test_the_schema_can_be_a_file(tmp_path: Path) -> None:
    """`-o` writes what is printed otherwise."""
    path = tmp_path / "schema.json"
    assert succeed("schema", "-o", str(path)) == ""
    assert json.loads(path.read_text()) == schema()


@pytest.mark.parametrize("name", zoo.names())
def test_every_spec_of_the_zoo_is_valid(name: str) -> None:
    """An editor that underlines what is right teaches to look away."""
    text = (ROOT / "specs" / f"{name}.yaml").read_text()
    errors = validator().iter_errors(plain(read_tree(Source(name, text))))
    assert [(error.json_path, error.message) for error in errors] == []


CONV = "conv: {out_channels: 4, kernel_size: 3}"


@pytest.mark.parametrize(
    "text",
    [
        spec(CONV).replace("archcalc: 1\n", ""),
        spec(CONV).replace("archcalc: 1", "archcalc: 2"),
        spec(CONV, head="imput: [3, 8, 8]"),
        spec(CONV, head="input: 3"),
        spec(CONV, head="input: [3, 8, 8]\npaper: {yaer: 2012}"),
        spec(CONV, head="input: [3, 8, 8]\nblocks: {b: {args: {}}}"),
        spec(CONV, head="input: [3, 8, 8]\nblocks: {b: {layers: [relu], arg: {}}}"),
        spec(CONV, head="input: [3, 8, 8]\npublished: [{metric: params, value: 5}]"),
        spec(CONV, head="input: [3, 8, 8]\npublished: [{metric: speed, value: 5, source: me}]"),
        spec(CONV, head="input: [3, 8, 8]\npreprocess: {scale: 255}"),
        spec(CONV, head="input: [3, 8, 8]\npreprocess: {resize: [8]}"),
        spec(CONV, head="input: [3, 8, 8]\npreprocess: {divide: 0}"),
        spec(CONV, head="input: [3, 8, 8]\nweights: weights.pt"),
        spec(CONV, head="input: [3, 8, 8]\nlabels: [7]"),
        spec("conv: {out_channels: 4, kernal_size: 3}"),
        spec("conv: {out_channels: wide, kernel_size: 3}"),
        spec("conv: {out_channels: 4.5, kernel_size: 3}"),
        spec("conv: {out_channels: 0, kernel_size: 3}"),
        spec("conv: {out_channels: 4, kernel_size: 3, bias: 1}"),
        spec("conv: {out_channels: 4, kernel_size: [3, x]}"),
        spec("dropout: {p: 1.5}"),
        spec("relu: 3"),
        spec("add: [relu]"),
        spec("add: [{layers: [relu], iff: true}]"),
        spec("repeat: 3"),
        spec("repeat: 3\n    layer: [relu]"),
        spec("3"),
        spec("[relu]"),
        "archcalc: 1\nlayers: {conv: {}}\n",
    ],
)
def test_what_is_wrong_is_not_valid(text: str) -> None:
    """And is refused by archcalc too: an editor never objects to what runs."""
    assert not is_valid(text)
    assert run("check", "-", stdin=text).code == 2


@pytest.mark.parametrize(
    "text",
    [
        spec(CONV, head="input: =[3, size, size]\nvars: {size: 8}"),
        spec(CONV, head="input: 3x8x8"),
        spec("conv: {out_channels: =2*2, kernel_size: [3, =1+2], padding: [[1, 2], 0], bias: =1 > 2}", "relu:", "relu"),
        spec("b: {width: 3}", head="input: [3, 8, 8]\nblocks: {b: {args: {width: required}, layers: [relu]}}"),
        spec("add: [[relu], []]", "concat:\n      - [relu]\n      - {layers: [tanh], repeat: 2, as: i, if: =i == 0}"),
        spec(CONV, head="input: [3, 8, 8]\nweights: a.npz\npreprocess: {mode: L, resize: 9, crop: [8, 8], mean: [1]}"),
        spec(
            CONV, head="input: [3, 8, 8]\nlabels: [cat, '7']\npreprocess: {invert: true, divide: 255, std: [1, 2, 3]}"
        ),
        spec(CONV, head="input: [3, 8, 8]\nlabels: kinds.txt"),
        spec("relu: {name: a}", "relu: {name: b, inputs: input}", "add: {inputs: [a, b]}"),
        spec("relu:\n    name: beside"),
        spec("repeat: 2\n    as: stage\n    scope: false\n    if: true\n    layers: [relu, {tanh: {}}]"),
        spec("conv: {name: c, out_channels: 3, kernel_size: 1}", "conv: {out_channels: 3, kernel_size: 1, shares: c}"),
    ],
)
def test_what_is_right_is_valid(text: str) -> None:
    """Every form of the language, as archcalc itself takes it."""
    succeed("check", "-", stdin=text)
    assert is_valid(text)


@pytest.mark.parametrize("keyword", OPERATORS)
def test_every_operator_is_in_it(keyword: str) -> None:
    """With every argument its class declares and the words that every layer knows; nothing else."""
    declared = {field.name for field in msgspec.structs.fields(OPS[keyword])}
    assert {*arguments(keyword)} == declared | {"name", "if", "inputs", "shares"}
    assert all(form.get("description") for form in calls(keyword))


def test_the_input_is_no_layer() -> None:
    """It stands at the top of a spec, and blocks may be called anything else."""
    layers = schema()["$defs"]["layer"]["properties"]
    assert {name for name, allowed in layers.items() if allowed is not False} == {*OPERATORS}
    assert layers["input"] is False


def defaults(op: type[Op]) -> dict[str, Any]:
    """The arguments that need not be written, as they would be."""
    fields = msgspec.structs.fields(op)
    given = {field.name: field.default for field in fields if field.default is not msgspec.NODEFAULT}
    return dict(msgspec.to_builtins(given))


@pytest.mark.parametrize("keyword", OPERATORS)
def test_every_argument_takes_its_default_and_an_expression(keyword: str) -> None:
    """And nothing that is neither: no mapping is a value."""
    for name, value in arguments(keyword).items():
        accepts = Draft202012Validator({**value, "$defs": schema()["$defs"]})
        if name in OPS[keyword].__struct_fields__:
            assert accepts.is_valid("=depth * 2"), name
            assert not accepts.is_valid({}), name
    for name, default in defaults(OPS[keyword]).items():
        assert Draft202012Validator(arguments(keyword)[name]).is_valid(default), name
