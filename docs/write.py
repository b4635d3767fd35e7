"""Write what documentation shows of the code: the reference pages, and the output under every `$ archcalc …`.

    python docs/write.py

The tests call `pages` and compare: documentation that the code has left behind fails them.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import msgspec

from archcalc.analysis.verify import Finding, verify
from archcalc.analysis.whole import Analysis
from archcalc.builder.arguments import arguments_of, expected
from archcalc.cli.main import ALIASES, COMMANDS, cli
from archcalc.network import load
from archcalc.ops import OPS
from archcalc.ops.base import Op
from archcalc.render.drawing import render
from archcalc.spec.zoo import names
from archcalc.views.drawing import picture

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"^```console\n(?P<commands>(?:\$ [^\n]*\n)+)(?P<output>.*?)^```$", re.MULTILINE | re.DOTALL)


def pages() -> dict[Path, str]:
    """Every page that shows something of the code, as it should be."""
    found = {
        path: with_outputs(path.read_text("utf-8")) for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
    }
    found[ROOT / "docs/operators.md"] = operators()
    found[ROOT / "docs/commands.md"] = commands()
    found[ROOT / "docs/zoo.md"] = zoo()
    found[ROOT / "docs/pictures/resnet50.svg"] = drawing("resnet50", 2)
    found[ROOT / "docs/pictures/unet.svg"] = drawing(str(ROOT / "docs/unet.yaml"), 1)
    return found


def drawing(network: str, depth: int | None = None) -> str:
    """A picture for docs/pictures.md."""
    found = load(network)
    return render(picture(Analysis(found.spec, found.graph), depth))


def with_outputs(text: str) -> str:
    """A page with the output of its console blocks as commands give it now."""

    def filled(block: re.Match[str]) -> str:
        lines = block["commands"].splitlines()
        outputs = [output_of(line.removeprefix("$ ")) for line in lines]
        body = "".join(f"{line}\n{output}" for line, output in zip(lines, outputs, strict=True))
        return f"```console\n{body}```"

    return _BLOCK.sub(filled, text)


def output_of(command: str) -> str:
    """What a command prints, errors included, when its output goes into a pipe."""
    name, *arguments = shlex.split(command)
    if name != "archcalc":
        raise SystemExit(f"documentation runs archcalc only, not '{command}'")
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "archcalc", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return done.stdout


def operators() -> str:
    """docs/operators.md: every operator's docstring and arguments."""
    parts = [
        "# Operators",
        "Written from the classes in `archcalc/ops/` by `make docs`. Shapes leave the batch out; work is that of one"
        " sample at inference. Per-axis arguments are one number, or one for each axis.",
    ]
    for keyword, op in OPS.items():
        if keyword != "input":
            parts += [f"## {keyword}", _prose(op), *_arguments(op)]
    return "\n\n".join(parts) + "\n"


def _prose(op: type[Op]) -> str:
    """The docstring without its indentation."""
    lines = [line.strip() for line in (op.__doc__ or "").strip().splitlines()]
    own = "\n".join(lines)
    base = op.__mro__[1]
    # Families say what they share in their base, whose name begins with an underscore.
    shared = "\n".join(line.strip() for line in (base.__doc__ or "").strip().splitlines())
    return f"{own}\n\n{shared}" if base.__name__.startswith("_") and base.__name__ != "_Movement" else own


def _arguments(op: type[Op]) -> list[str]:
    declared = arguments_of(op)
    if not declared:
        return []
    defaults = {field.name: field.default for field in msgspec.structs.fields(op)}
    rows = [
        f"| `{name}` | {expected(argument.type)} | {'required' if argument.required else _shown(defaults[name])} |"
        for name, argument in declared.items()
    ]
    return ["\n".join(["| argument | is | default |", "|---|---|---|", *rows])]


def _shown(value: object) -> str:
    """A default as a spec would write it."""
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def zoo() -> str:
    """docs/zoo.md: every network with its numbers, and what became of the numbers published about it."""
    families: dict[str, list[tuple[int, str, str, str]]] = {}
    verdicts: dict[str, int] = {}
    for name in names():
        network = load(name)
        spec, analysis = network.spec, Analysis(network.spec, network.graph)
        year = int(str(spec.paper.get("year", 0)))
        shape = "×".join(map(str, network.graph.input_shape))
        numbers = f"{analysis.params.params:,} | {analysis.cost.macs:,}"
        findings = list(verify(network))
        for finding in findings:
            verdicts[finding.verdict] = verdicts.get(finding.verdict, 0) + 1
        row = f"| `{name}` | {spec.title} | {year} | {shape} | {numbers} | {_status(findings)} |"
        paper = f"{spec.paper.get('title', '')} ({year})"
        families.setdefault(spec.family, []).append((year, name, row, paper))
    counts = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
    parts = [
        "# The zoo",
        f"{len(names())} networks, written from the specs by `make docs`. Of the {sum(verdicts.values())} numbers"
        f" published about them: {counts}. `archcalc verify NET` tells each, with its source.",
    ]
    head = "| name | title | year | input | params | MACs | published |\n|---|---|---|---|---:|---:|---|"
    for family, found in sorted(families.items(), key=lambda item: min(item[1])):
        papers = dict.fromkeys(paper for *_, paper in sorted(found))
        parts += [f"## {family}", "; ".join(papers), "\n".join([head, *(row for _, _, row, _ in sorted(found))])]
    return "\n\n".join(parts) + "\n"


def _status(findings: list[Finding]) -> str:
    """How many of a network's published numbers match, and what the others are."""
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.verdict] = counts.get(finding.verdict, 0) + 1
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) or "none"


def commands() -> str:
    """docs/commands.md: the help of every command."""
    parts = [
        "# Commands",
        "Written from `--help` by `make docs`. Exit codes: 0 fine; 1 a budget is broken; 2 a bad spec or bad usage,"
        " with what is wrong on stderr; 70 a bug of ours. `NO_COLOR` and pipes get no colours; `--ascii` and terminals"
        " without UTF-8 no other signs.",
    ]
    context = click.Context(cli, info_name="archcalc", terminal_width=100, **cli.context_settings)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None  # noqa: S101 - the group lists what it has
        aliases = [alias for alias, target in ALIASES.items() if target == name]
        also = f"Also `archcalc {aliases[0]}`." if aliases else ""
        sub = click.Context(command, info_name=name, parent=context, terminal_width=100, max_content_width=100)
        parts += [f"## archcalc {name}", *filter(None, [also]), f"```text\n{command.get_help(sub)}\n```"]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    for path, text in pages().items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
