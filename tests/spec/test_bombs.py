"""Small texts that ask for much: each is refused, or done, in little time and memory.

Nothing is said here about the words of the refusal.
"""

import pytest

from archcalc.spec.expressions import MAX_LENGTH

from .helpers import bounded, said, spec

EXPRESSIONS = {
    "tower of powers": "9**9**9**9",
    "large power": "2**1000000000",
    "large base": "(10**60)**64",
    "many digits to round": "round(5, -1000000000)",
    "long text": "'a' * 1000000000",
    "long list": "[0] * 1000000000",
    "wide format": "f'{3:>1000000000}'",
    "percent format": "'%1000000000d' % 5",
    "percent format by argument": "'%*d' % (1000000000, 5)",
    "long range": "range(10**9)",
    "endless range": "range(10**30)",
    "nested comprehensions": "[[0 for i in range(9999)] for j in range(9999)]",
    "double comprehension": "[0 for i in range(9999) for j in range(9999)]",
    "comprehension in a condition": "[0 for i in range(9999) if [0 for j in range(9999)]]",
    "deep brackets": "[" * 240 + "]" * 240,
    "deep parentheses": "(" * 240 + "1" + ")" * 240,
    "deep signs": "-" * 480 + "1",
    "long number": "9" * 490,
    "more than 500 characters": "1" + " + 1" * (MAX_LENGTH // 4),
}


@pytest.mark.parametrize("text", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_no_expression_explodes(text: str) -> None:
    with bounded():
        said(spec(f'- relu: {{if: "={text}"}}\n'))


CHAINS = {
    "lists of lists": ("[1, 2, 3, 4, 5, 6, 7, 8, 9]", "=[{0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}]"),
    "longer lists": ("[1, 2, 3, 4, 5, 6, 7, 8, 9]", "={0} + {0}"),
    "longer texts": ("'123456789'", "={0} + {0}"),
    "longer formats": ("'123456789'", '=f"{{{0}}}{{{0}}}"'),
    "larger numbers": ("1e9", "={0} * {0}"),
    "larger numbers in lists": ("[1000000000]", "=[{0}[0] * {0}[0]]"),
}


@pytest.mark.parametrize("use", ["=v40", "=1 if v40 == w40 else 2", '=f"{v40}"'])
@pytest.mark.parametrize(("first", "step"), CHAINS.values(), ids=CHAINS)
def test_no_chain_of_variables_explodes(first: str, step: str, use: str) -> None:
    """Variables that grow by the one before them: "billion laughs" without an alias."""
    lines = ["vars:"]
    for name in "vw":
        lines.append(f"  {name}0: {first}")
        lines += [f"  {name}{i}: '{step.format(f'{name}{i - 1}')}'" for i in range(1, 41)]
    text = spec(f"- conv: {{name: c, out_channels: '{use}', kernel_size: 1}}\n", "\n".join(lines) + "\n")
    with bounded():
        assert len(said(text)) < 100_000


ONES = f"[{'1, ' * 50_000}1]"
LOOP = "- repeat: 30000\n  as: i\n  layers: [{}]\n"
UNIT = "blocks:\n  unit:\n    args: {{x: {}}}\n    layers: [relu]\n"
NESTED = "".join(f"  b{i}:\n    layers: [b{i + 1}: {{name: {'x' * 100}}}]\n" for i in range(140))
LOOPS = {
    "a comprehension": spec(LOOP.format("relu: {if: '=len([j for j in range(9000)]) > 0'}")),
    "a long list with an expression": spec(LOOP.format(f"reshape: {{shape: [=1, {ONES[1:]}}}")),
    "a long list that is wrong": spec(
        LOOP.format("conv: {out_channels: =x, kernel_size: 1}"), f"vars: {{x: {ONES}}}\n"
    ),
    "a long argument": spec(LOOP.format(f"unit: {{x: {ONES}}}"), UNIT.format(1)),
    "a long default": spec(LOOP.format("unit"), UNIT.format(ONES)),
    "many inputs": spec(LOOP.format(f"add: {{inputs: [{'input, ' * 10_000}]}}")),
    "many branches": spec(LOOP.format(f"add: [{'[], ' * 10_000}]")),
    "many variables": spec(
        LOOP.format("relu: {if: =i >= 0}"), "vars: {" + ", ".join(f"v{i}: 1" for i in range(50_000)) + "}\n"
    ),
    "long names in deep scopes": spec(
        "- b0\n", f"blocks:\n{NESTED}  b140:\n    layers:\n      - repeat: 100000\n        layers: [relu]\n"
    ),
}


@pytest.mark.parametrize("text", LOOPS.values(), ids=LOOPS)
def test_no_loop_explodes(text: str) -> None:
    """What is little once and much when a loop does it."""
    with bounded():
        said(text)


MANY = {
    "unknown operators": spec("- cnov\n" * 20_000),
    "unknown keys": spec("- relu\n") + "".join(f"key{i}: 1\n" for i in range(20_000)),
    "unknown arguments": spec("- relu: {" + ", ".join(f"a{i}: 1" for i in range(20_000)) + "}\n"),
    "unknown inputs": spec("".join(f"- relu: {{name: l{i}, inputs: zork{i}}}\n" for i in range(5_000))),
    "unknown inputs in a loop": spec(LOOP.format("relu: {inputs: nope}")),
    "unknown variables in a loop": spec(
        LOOP.format("dropout: {p: =nope}"), "vars: {" + ", ".join(f"v{i}: 1" for i in range(2_000)) + "}\n"
    ),
    "later layers in a loop": spec(LOOP.format("relu: {inputs: z}") + "- relu: {name: z, inputs: input}\n"),
    "duplicate keys": spec("- relu\n") + "name: x\n" * 20_000,
    "duplicate names": spec("- relu: {name: a}\n" * 20_000),
    "misfits in a loop": spec(
        "- relu: {name: a}\n- repeat: 20000\n  layers: [relu]\n- maxpool: {name: p, kernel_size: 2}\n"
        "- repeat: 2000\n  layers: [add: {inputs: [a, p]}]\n"
    ),
    "kernels too large": spec("- maxpool: {kernel_size: 99, inputs: input}\n" * 20_000),
    "a long word": spec(f"- {'x' * 1_000_000}\n"),
    "a long number": spec(f"- conv: {{out_channels: {'1' * 1_000_000}, kernel_size: 3}}\n"),
    "a long fraction": spec(f"- conv: {{out_channels: 1.{'1' * 1_000_000}, kernel_size: 3}}\n"),
    "a long list": spec(f"- reshape: {{shape: {ONES}}}\n"),
    "a long name": spec(f"- relu: {{name: {'x' * 1_000_000}}}\n"),
}


@pytest.mark.parametrize("text", MANY.values(), ids=MANY)
def test_many_and_large_mistakes(text: str) -> None:
    """Thousands of mistakes, or huge ones, are found and shown in time, and the report is of a readable size."""
    with bounded():
        report = said(text)
    assert 0 < len(report) < 1_000_000
