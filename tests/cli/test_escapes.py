"""Texts that others wrote cannot steer the terminal: no control character of theirs reaches it."""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from .running import run_on_terminal, spec

HOSTILE = "\x1b]0;pwned\x07\x9b31m"
QUOTED = r'"\e]0;pwned\a\x9b31m"'


def hostile_specs() -> Iterator[str]:
    """The escape sequence in every place of a spec that takes a text."""
    yield spec("relu", head=f"name: {QUOTED}\ninput: [1, 8, 8]").replace("name: tiny\n", "")
    for key in ("title", "family", "authors", "notes"):
        yield spec("relu", head=f"{key}: {QUOTED}\ninput: [1, 8, 8]")
    for head in ("{0}: 1", "extends: {0}", "input: {0}", "vars: {{{0}: 1}}", "blocks: {{{0}: {{layers: [relu]}}}}"):
        yield spec("relu", head=head.format(QUOTED) + ("" if "input" in head else "\ninput: [1, 8, 8]"))
    yield spec("relu", head=f"blocks: {{b: {{args: {{{QUOTED}: 1}}, layers: [relu]}}}}\ninput: [1, 8, 8]")
    yield spec("relu", head=f"published: [{{metric: {QUOTED}, value: {QUOTED}, source: 1}}]\ninput: [1, 8, 8]")
    for layer in (
        "{0}",
        "{0}: {{}}",
        "relu: {{name: {0}}}",
        "relu: {{{0}: 1}}",
        "relu: {{inputs: {0}}}",
        "relu: {{if: {0}}}",
        "conv: {{out_channels: {0}, kernel_size: 3}}",
        "conv: {{out_channels: 3, kernel_size: 3, shares: {0}}}",
        "upsample: {{scale_factor: 2, mode: {0}}}",
        "repeat: {0}\n    layers: [relu]",
        "repeat: 1\n    as: {0}\n    layers: [relu]",
        "repeat: 1\n    name: {0}\n    layers: [relu]",
    ):
        yield spec(layer.format(QUOTED))
    yield spec(r'relu: {if: "=\e]0;\a"}')
    yield spec(f"relu  # {HOSTILE}", "konv")
    yield spec(f"conv: {{out_channels: x{HOSTILE}, kernel_size: 3}}")


def controls(text: str) -> set[str]:
    """The control characters that are neither a line's end nor a style of ours."""
    unstyled = re.sub(r"\x1b\[[0-9;]*m", "", text).replace("\n", "")
    return {char for char in unstyled if unicodedata.category(char) == "Cc"}


def test_no_spec_writes_to_the_terminal_itself(tmp_path: Path) -> None:
    """Escape sequences in a spec are shown as what they are, in errors, tables and explanations."""
    commands: list[tuple[str, ...]] = []
    told: list[tuple[str, tuple[str, ...], int, set[str]]] = []
    for number, text in enumerate(hostile_specs()):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text)
        commands += [("summary", str(path)), ("explain", str(path)), ("explain", str(path), HOSTILE)]
        commands += [("summary", str(path), "--format", kind) for kind in ("plain", "markdown", "csv")]
    for command, result in zip(commands, run_on_terminal(100, *commands), strict=True):
        told.append((Path(command[1]).read_text(), command[2:], result.code, controls(result.out)))
    assert [case for case in told if case[2] not in (0, 2) or case[3]] == []


VALUES = ("--columns", "--sort", "--input", "--set", "--format", "--top", "--dtype", "--batch")
TARGETS = ("{}=1", "vars.{}=1", "c.{}=1", "{}.c=1", "c.stride={}")


def test_no_argument_writes_to_the_terminal_itself(tmp_path: Path) -> None:
    """Nor do names of files, layers, columns and options that somebody else has chosen."""
    path = tmp_path / f"{HOSTILE}.yaml"
    path.write_text(spec("conv: {name: c, out_channels: 4, kernel_size: 3}"))
    net, broken = str(path), tmp_path / f"broken{HOSTILE}.yaml"
    broken.write_text(spec("konv"))
    budgets = tmp_path / f"budgets{HOSTILE}.yaml"
    budgets.write_text(f"budgets: [{{network: {QUOTED}, dtype: {QUOTED}, {QUOTED}: 1, fail_on: {QUOTED}}}]")
    commands = [
        (HOSTILE,),
        ("summary", HOSTILE),
        ("summary", f"./{HOSTILE}.yml"),
        ("summary", str(tmp_path / "x.yaml")),  # its neighbours are suggested
        ("check", net),
        ("check", str(broken)),
        ("check", net, "--fail-on", "params > 1"),
        ("check", net, "--fail-on", HOSTILE),
        *(("check", net, str(broken), "--fail-on", "rf > 1", "--format", kind) for kind in ("github", "junit", "csv")),
        ("check", "--budgets", HOSTILE),
        ("check", "--budgets", str(budgets)),
        ("check", net, "--set", "c.stride=0"),
        ("summary", net),
        ("explain", net, HOSTILE),
        ("summary", net, f"--{HOSTILE}"),
        *(
            ("summary", net, option, HOSTILE)
            for option in ("--columns", "--sort", "--input", "--set", "--format", "--top")
        ),
        *(
            ("summary", net, "--set", form.format(HOSTILE))
            for form in ("{}=1", "vars.{}=1", "c.{}=1", "{}.c=1", "c.stride={}")
        ),
        ("summary", net, "-o", str(tmp_path / HOSTILE / HOSTILE)),
        ("summary", str(tmp_path), "-o", HOSTILE),
    ]
    results = zip(commands, run_on_terminal(100, *commands), strict=True)
    assert [command for command, result in results if result.code not in (0, 1, 2) or controls(result.out)] == []
