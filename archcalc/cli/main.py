"""The group of commands, each imported when it is called, and the fate of every error."""

import gc
import importlib
import os
import sys
from collections.abc import Sequence

import click

from archcalc import __version__
from archcalc.errors import ArchcalcError, did_you_mean, printable

BUG = 70  # EX_SOFTWARE of sysexits.h

COMMANDS = {
    "list": ("archcalc.cli.zoo", "list_networks", "The networks of the zoo."),
    "summary": ("archcalc.cli.tables", "summary", "Everything per layer, one table; totals below it."),
    "shapes": ("archcalc.cli.tables", "shapes", "What flows from layer to layer."),
    "params": ("archcalc.cli.tables", "params", "Parameters and buffers, in all or per layer."),
    "macs": ("archcalc.cli.tables", "macs", "Multiply-accumulates and FLOPs, in all or per layer."),
    "memory": ("archcalc.cli.memory", "memory", "Weights and activations under a model of memory."),
    "fits": ("archcalc.cli.memory", "fits", "Does it fit into so much memory, and what would make it fit?"),
    "rf": ("archcalc.cli.tables", "rf", "Receptive field, effective stride and padding of each layer."),
    "run": ("archcalc.cli.run", "run_network", "The network on samples: what comes out, and how long it takes."),
    "prove": ("archcalc.cli.prove", "prove_networks", "What is predicted held against what the network does."),
    "compare": ("archcalc.cli.compare", "compare", "Networks side by side."),
    "diff": ("archcalc.cli.diff", "diff", "What turns one network into another, and what each edit costs."),
    "equiv": ("archcalc.cli.equiv", "equiv", "Stacks of layers side by side: three 3x3 against one 7x7."),
    "formula": ("archcalc.cli.formula", "formula", "What a network costs in closed form: 307,904*H*W."),
    "roofline": (
        "archcalc.cli.roofline",
        "roofline_of",
        "What binds a network on a processor: bounds on time, energy.",
    ),
    "report": ("archcalc.cli.report", "report", "One page about networks for a browser, all in one file."),
    "plot": ("archcalc.cli.plot", "plot", "Pictures: the architecture, memory over time, costs, rooflines."),
    "export": ("archcalc.cli.export", "export_network", "The network as ONNX, PyTorch or Keras source, or a diagram."),
    "weights": ("archcalc.cli.weights", "list_weights", "What is in a file of weights, and which networks fit."),
    "explain": ("archcalc.cli.explain", "explain", "How every number comes about, with the values put in."),
    "verify": ("archcalc.cli.verify", "verify_networks", "Published numbers held against arithmetic."),
    "reconcile": ("archcalc.cli.reconcile", "reconcile_network", "What other tools print as MACs, and why."),
    "expected": ("archcalc.cli.training", "expected", "What training costs where branches are dropped."),
    "split": ("archcalc.cli.training", "split", "What each of several devices holds and is sent."),
    "sweep": ("archcalc.cli.sweep", "sweep_network", "Hundreds of thousands of variants of a network at once."),
    "check": ("archcalc.cli.check", "check", "Is this spec valid? All problems at once."),
    "import": ("archcalc.cli.importing", "import_network", "A network written out as a spec, repeats found."),
    "solve": ("archcalc.cli.solve", "solve", "The largest width, input or batch within a budget."),
    "schema": ("archcalc.cli.schema", "schema", "JSON Schema of specs, for editors."),
    "completion": ("archcalc.cli.schema", "completion", "Shell completion for bash, zsh or fish."),
}
"""Command → module, name in it, and the line that help shows without importing it."""
ALIASES = {"flops": "macs"}


class LazyGroup(click.Group):
    """Commands by name from `COMMANDS`; help lists them without importing one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            hint = did_you_mean(args[0], [*COMMANDS, *ALIASES]) or "archcalc --help lists all"
            raise click.UsageError(f"there is no command '{printable(args[0], 40)}'; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="archcalc %(version)s")
def cli() -> None:
    """Exact shapes, parameters, memory, operations and receptive fields of convolutional networks, explained.

    NET is a network of the zoo (archcalc list), a .yaml or .onnx file, or - for a spec on standard input.
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code: 0 fine, 1 a budget failed, 2 bad spec or usage, 70 a bug of ours."""
    if sys.stdout is None:
        print("archcalc: cannot write: standard output is closed", file=sys.stderr)  # noqa: T201 - nowhere else
        return 2
    stdout = sys.stdout
    try:
        given = None if arguments is None else list(arguments)
        code = cli.main(args=given, prog_name="archcalc", standalone_mode=False)  # what ctx.exit was given, or None
        sys.stdout.flush()
        return code or 0
    except click.ClickException as error:
        error.show()
        return 2
    except ArchcalcError as error:
        report(error)
        return 2
    except BrokenPipeError:
        _drop_output()
        return 0  # whoever read us has had enough: | head
    except SystemExit as stop:
        # click ends a closed pipe so, having put another stdout in its place; completion ends with a code of its own.
        return 0 if sys.stdout is not stdout else int(stop.code or 0)
    except OSError as error:
        _drop_output()
        print(f"archcalc: cannot write: {error.strerror or error}", file=sys.stderr)  # noqa: T201 - the end of the line
        return 2
    except (click.Abort, KeyboardInterrupt):
        return 130
    except Exception as error:  # the one place where a bug becomes a message
        if os.environ.get("ARCHCALC_DEBUG"):
            raise
        lines = (
            f"archcalc: this is a bug: {type(error).__name__}: {error}",
            "Please report it with the command and the spec; ARCHCALC_DEBUG=1 shows where it happened.",
        )
        print(*lines, sep="\n", file=sys.stderr)  # noqa: T201
        return BUG


def _drop_output() -> None:
    """Keep the interpreter from writing what is left into a closed pipe or a full disk at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_MOST_SHOWN = 50


def report(error: ArchcalcError) -> None:
    """Say what is wrong on stderr: every problem, but no more than can be read."""
    for problem in error.problems[:_MOST_SHOWN]:
        # A spec, a path or an argument may hold anything; a terminal must not obey it.
        click.echo("\n".join(map(printable, str(problem).split("\n"))), err=True)
    if len(error.problems) > _MOST_SHOWN:
        click.echo(f"and {len(error.problems) - _MOST_SHOWN} more problems", err=True)


def main() -> None:
    """The console script."""
    code = run()
    # A process this short has no garbage worth collecting; freezing spares the interpreter a last look at everything.
    gc.freeze()
    sys.exit(code)
