"""Whatever text comes: a network, or an error of ours; never anything else, and never for long.

    FUZZ=100000 python -m pytest tests/spec/test_fuzz.py -n0

tries that many texts, other ones each time.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from typing import Any, get_args, get_origin

import hypothesis.strategies as st
import msgspec
from hypothesis import HealthCheck, example, given, settings

from archcalc.errors import Source
from archcalc.ops import OPS
from archcalc.spec import zoo
from archcalc.spec.expressions import FUNCTIONS
from archcalc.spec.schema import PAPER, PUBLISHED, RESERVED, TOP_LEVEL
from archcalc.spec.tree import plain, read_tree

from .helpers import bounded, said, spec

Draw = Callable[[st.SearchStrategy[Any]], Any]

EXAMPLES = int(os.environ.get("FUZZ", 300))
fuzz = settings(
    max_examples=EXAMPLES, derandomize="FUZZ" not in os.environ, suppress_health_check=[HealthCheck.too_slow]
)

# Every word of the language at least once.
RICH = """archcalc: 1
name: rich
title: "A title: with × signs"
family: Nets
authors: A, B
paper: {title: A paper, year: 2015, authors: C, url: "https://example.org"}
notes: >
  folded text
  of two lines
input: [3, 32, 32]
vars: {width: 8, depths: [1, 2], deep: true, rate: 0.5, word: same}
published:
  - {metric: params, value: 25.6e6, tolerance: 0.5%, source: A table, note: rounded}
blocks:
  unit:
    args: {out: required, k: 3, stride: =1 if k > 1 else 2}
    layers:
      - conv: {name: c, out_channels: =out, kernel_size: =k, stride: =stride, padding: =k//2, bias: false}
      - batchnorm
      - relu: {inputs: c}
  tree:
    args: {depth: required}
    layers:
      - add:
          - - tree: {depth: =depth - 1, if: =depth > 0}
          - layers: [tanh, sigmoid: {if: =depth > 1}]
            if: =depth % 2 == 0
          - []
layers:
  - unit: {name: stem, out: =width}
  - repeat: =len(depths)
    as: stage
    name: s
    layers:
      - repeat: "=depths[stage]"
        as: i
        scope: false
        layers:
          - unit: {name: '=f"u{i}"', out: =width, k: 1, stride: 1}
      - conv: {name: shared, out_channels: =width, kernel_size: 1}
      - conv: {out_channels: 8, kernel_size: 1, shares: shared, inputs: [shared]}
  - concat:
      - - maxpool: {kernel_size: 3, stride: 1, padding: 1}
      - layers: [conv: {out_channels: =4*c + 4, kernel_size: [1, 3], padding: [0, 1]}]
        repeat: 2
        as: c
    name: join
    dim: 1
  - tree: {depth: 3}
  - parameter: {name: p, shape: [20, 32, 32]}
  - add: {inputs: [join, p, tree.add]}
  - dropout: {p: =rate}
  - global_avgpool
  - flatten
  - linear: {name: fc, out_features: '=sum(depths) + max(width, 3)'}
"""

SEEDS = [RICH, *(zoo.find(name).text for name in ("resnet50", "fractalnet20", "googlenet", "vgg11_bn"))]
TOKENS = re.compile(r"[\w.]+|\s+|.")
WORDS = (
    *(OPS.keys() | {field.name for op in OPS.values() for field in msgspec.structs.fields(op)}),
    *(*TOP_LEVEL, *PAPER, *PUBLISHED, *RESERVED, *FUNCTIONS, "repeat", "as", "scope", "args", "required", "input"),
    *("0", "1", "-1", "2.5", "1e9", "999999999", "1e300", "123456789012345678", "true", "null", "~", "''", "no", ".5"),
    *("[]", "{}", "[[]]", "{a: b}", "[1, 2]", "[3, 32, 32]", "=", "=i", "=width", "=1/0", "=a", "='a'", "=9**9**9"),
    *("=width*2", "=None", "=True", "=depths", "width", "depths", "stem", "stem.c", "s0.u0", "unit", "tree", "join"),
)
SIGNS = (
    *("&a ", "*a", "!!int ", "? ", "- ", ": ", ", ", "|", ">", "'", '"', "#", "%", "@", "`", "---", "...", "\t", "\n"),
    *("\0", "\x07", "\x85", "\u2028", "\ufeff", "\ud800", "é", "🙂", "名", "\\", "\\u0000", "{", "}", "[", "]", "\r"),
)
EDITS = ("delete", "double", "exchange", "exchange", "word", "word", "word", "sign", "indent", "cut", "random")


TREES = [json.dumps(plain(read_tree(Source("seed", text)))) for text in SEEDS]
ODD = (0, -1, 100, 10**17, 0.5, -0.5, 1e300, None, True, "same", "abc", "=k", "=k/2", "=[k]", "=0", "='a'")


@st.composite
def mutated(draw: Draw) -> str:
    """A valid text with a few lines or words deleted, doubled, exchanged, replaced, indented or cut."""
    text: str = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        parts = text.splitlines(keepends=True) if draw(st.booleans()) else TOKENS.findall(text)
        places = [place for place, part in enumerate(parts) if not part.isspace()]
        if not places:
            break
        place, other = draw(st.sampled_from(places)), draw(st.sampled_from(places))
        match draw(st.sampled_from(EDITS)):
            case "delete":
                del parts[place]
            case "double":
                parts.insert(place, parts[other])
            case "exchange":
                parts[place], parts[other] = parts[other], parts[place]
            case "word":
                parts[place] = re.sub(
                    r"[\w.]+(?!.*[\w.])", lambda _: draw(st.sampled_from(WORDS)), parts[place], count=1
                )
            case "sign":
                parts.insert(place, draw(st.sampled_from(SIGNS)))
            case "indent":
                parts[place] = " " * draw(st.integers(1, 4)) + parts[place]
            case "cut":
                del parts[place:]
            case "random":
                parts[place] = draw(st.text(max_size=8))
        text = "".join(parts)
    return text


@fuzz
@given(mutated())
def test_mutated_specs(text: str) -> None:
    """What is nearly a spec."""
    with bounded():
        said(text)


def places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every collection in a tree with each of its keys or positions."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items:
        yield tree, key
        if isinstance(value, (dict, list)):
            yield from places(value)


@st.composite
def rearranged(draw: Draw) -> str:
    """A spec whose values and keys are exchanged, replaced or left out; what comes is always YAML."""
    tree = json.loads(draw(st.sampled_from(TREES)))
    for _ in range(draw(st.integers(1, 5))):
        found = list(places(tree))
        (one, key), (other, second) = draw(st.sampled_from(found)), draw(st.sampled_from(found))
        match draw(st.sampled_from(("value", "value", "copy", "key", "delete"))):
            case "value":
                one[key] = draw(st.sampled_from((*WORDS, *ODD)) | st.just([]) | st.just({}))
            case "copy":
                one[key] = json.loads(json.dumps(other[second]))
            case "key" if isinstance(one, dict):
                one[draw(st.sampled_from(WORDS))] = one.pop(key)
            case _:
                del one[key]
        if not tree:
            break
    return json.dumps(tree, ensure_ascii=False)


@fuzz
@given(rearranged())
def test_rearranged_specs(text: str) -> None:
    """What is YAML, made of the words of the language, and makes no sense."""
    with bounded():
        said(text)


@fuzz
@given(st.lists(st.sampled_from((*WORDS, *SIGNS, " ", "\n", "\n  ", "\n- ", "\n  - ", ": ", "layers:\n")), max_size=40))
@example(["archcalc", ": ", "1", "\n", "layers:\n", "- ", "add"])
def test_words_in_any_order(words: list[str]) -> None:
    with bounded():
        said("".join(words))
        said(spec("- relu\n") + "".join(words))


@fuzz
@given(st.binary(max_size=200))
def test_bytes(data: bytes) -> None:
    """What is no text at all; decoded bytes have characters of every kind."""
    with bounded():
        said(data.decode("latin-1"))
        said(data.decode("utf-8", "surrogateescape"))


ANYTHING = st.recursive(st.sampled_from(ODD), lambda inner: st.lists(inner, max_size=4), max_leaves=4)
SMALL = st.integers(1, 4)
SIZES = st.lists(st.sampled_from((1, 2, 3, 4, 8, 10**6, 10**17)), min_size=1, max_size=5)


def likely(kind: Any) -> st.SearchStrategy[Any]:
    """Values that an argument of this type might well have."""
    words = [word for part in (kind, *get_args(kind)) for word in get_args(part) if isinstance(word, str)]
    if kind is bool:
        return st.booleans()
    if get_origin(kind) is tuple:
        return st.lists(SMALL, max_size=3)
    return st.sampled_from([*words, 1, 2, 3]) if words else SMALL | st.lists(SMALL, max_size=3)


@st.composite
def layers(draw: Draw) -> str:
    """One operator, most of its arguments of the right kind."""
    keyword, op = draw(st.sampled_from([item for item in OPS.items() if item[0] != "input"]))
    arguments = {}
    for field in msgspec.structs.fields(op):
        if field.required or draw(st.booleans()):
            right = draw(st.integers(0, 5)) > 0
            arguments[field.name] = draw(likely(field.type) if right else ANYTHING)
    if draw(st.integers(0, 3)) == 0:
        arguments["inputs"] = draw(st.lists(st.sampled_from(("input", "relu")), max_size=3))
    return f"- {keyword}: {msgspec.json.encode(arguments).decode()}\n"


@fuzz
@given(SIZES, st.lists(layers(), min_size=1, max_size=4))
@example([3, 4, 4], ["- conv: {out_channels: abc, kernel_size: 3}\n"])
@example([3, 4, 4], ["- parameter: {shape: []}\n", "- conv: {out_channels: 3, kernel_size: 1}\n"])
@example([3, 4, 4], ["- add: {inputs: []}\n"])
def test_any_arguments_of_any_operator(shape: list[int], layers: list[str]) -> None:
    """Arguments that are wrong in kind, in number or in size are refused in words, whatever they flow into."""
    text = spec("- relu\n" + "".join(layers), "vars: {k: 2}\n").replace("[8, 32, 32]", str(shape))
    with bounded():
        said(text)
