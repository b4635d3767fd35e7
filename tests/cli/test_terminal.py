"""What a terminal gets, on a real one of given size; what a pipe gets instead."""

import re

import pytest

from archcalc.network import load

from .running import environment, on_terminal, run, start, succeed
from .sample import SAMPLE

ESCAPE = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])")
COLOURS = {*range(30, 50), *range(90, 108)}
TABLES = ("summary {}", "shapes {}", "params {} --per-layer", "macs {} --breakdown", "memory {} --per-layer", "rf {}")
TOTALS = ("params {}", "macs {}", "memory {}", "memory {} --model lecture")


def bare(text: str) -> str:
    """Text without the escapes that style it."""
    return ESCAPE.sub("", text)


def table_lines(text: str) -> list[str]:
    """The lines of the table: from behind the conventions to the next empty line, without rules."""
    lines = text.split("\n\n")[1].split("\n")
    return [line for line in lines if set(line) - set("─- ")]


def is_part_of(cells: list[str], whole: list[str]) -> bool:
    """Whether all words are there, whole and in order, among others."""
    rest = iter(whole)
    return all(cell in rest for cell in cells)


@pytest.mark.parametrize(("columns", "names"), [(80, SAMPLE[::2]), (80, SAMPLE[1::2]), (140, SAMPLE[::3])])
def test_tables_fit_the_terminal(columns: int, names: list[str]) -> None:
    """No line is longer than the terminal is wide, no cell is cut, no row is lost; what is left out is named."""
    commands = [form.format(name) for name in names for form in TABLES] + ["list"]
    for command, output in zip(commands, on_terminal(columns, *commands), strict=True):
        assert [line for line in bare(output).split("\n") if len(line) > columns] == [], command
        whole, shown = (table_lines(text) for text in (succeed(*command.split(" ")), bare(output)))
        assert len(shown) == len(whole), command
        for mine, theirs in zip(shown, whole, strict=True):
            assert is_part_of(mine.split(), theirs.split()), (command, mine)
        behind = " ".join(bare(output).split("\n\n")[2:])
        titles, kept = (re.split(" {2,}", lines[0].strip()) for lines in (whole, shown))
        assert [title for title in titles if title not in kept and title not in behind] == [], command


@pytest.mark.parametrize("columns", [80, 140])
def test_totals_fit_the_terminal(columns: int) -> None:
    """No line is too long, no word is cut and every number is there; remarks may be broken or left out."""
    commands = [form.format(name) for name in SAMPLE for form in TOTALS]
    for command, output in zip(commands, on_terminal(columns, *commands), strict=True):
        assert [line for line in bare(output).split("\n") if len(line) > columns] == [], command
        whole, shown = ({*" ".join(table_lines(t)).split()} for t in (succeed(*command.split(" ")), bare(output)))
        assert shown - whole == set(), command
        assert {word for word in whole - shown if word[0].isdigit()} == set(), command


def test_left_out_columns_are_named() -> None:
    """At 80 columns some are missing; the note names each of them and how to choose."""
    (output,) = on_terminal(80, "summary vgg16")
    note = " ".join(line.strip() for line in bare(output)[bare(output).index("left out") :].split("\n"))
    titles = ("Input shape", "Kernel", "RF", "Eff. stride", "Eff. pad", "Act. mem", "Params", "MACs", "Output shape")
    header = table_lines(bare(output))[0]
    assert [title for title in titles if (title in header) == (title in note)] == []
    assert "--columns" in note


def test_only_what_a_command_has_is_recommended() -> None:
    """A note that says how to choose columns names an option that the command has."""
    for command in ("summary resnet18", "list"):
        (output,) = on_terminal(60, command)
        for option in re.findall(r"--[a-z]+", bare(output)):
            assert option in succeed(command.split(" ")[0], "--help"), command


def test_a_wide_terminal_leaves_nothing_out() -> None:
    """At 200 columns every column is there."""
    (output,) = on_terminal(200, "summary resnet18")
    assert "left out" not in output
    assert table_lines(bare(output))[0].split() == table_lines(succeed("summary", "resnet18"))[0].split()


@pytest.mark.parametrize("name", ["alexnet_2gpu", "googlenet"])
def test_explanations_fit_the_terminal(name: str) -> None:
    """Titles, formulas and sums are broken where 80 columns end."""
    commands = [f"explain {name}", *(f"explain {name} {node.name}" for node in load(name).graph.nodes)]
    long = {line for output in on_terminal(80, *commands) for line in bare(output).split("\n") if len(line) > 80}
    assert long == set()


def test_explanations_lose_nothing_at_any_width() -> None:
    """Signs are the same on a terminal and through a pipe: only line breaks differ."""
    for command in ("explain alexnet conv2", "explain resnet18"):
        for output in on_terminal(60, command):
            # Lines break behind a multiplication sign too, and an equals sign may come to stand alone.
            signs = "".join(bare(output).split()).replace("=", "")
            assert signs == "".join(succeed(*command.split(" ")).split()).replace("=", "")


@pytest.mark.parametrize("columns", [40, 10])
def test_a_narrow_terminal_is_no_crash(columns: int) -> None:
    """Even where not all can fit."""
    commands = [form.format("resnet18") for form in (*TABLES, *TOTALS, "explain {}")] + ["list", "--help"]
    for output in on_terminal(columns, *commands):
        assert output


def styles(text: str) -> set[int]:
    """The numbers of all SGR codes; any other escape is a mistake."""
    assert {letter for _, letter in ESCAPE.findall(text)} <= {"m"}
    assert "\x1b" not in bare(text)
    return {int(code or 0) for codes, _ in ESCAPE.findall(text) for code in codes.split(";")}


COMMANDS = ("summary resnet18", "memory resnet18", "list", "explain alexnet conv1")


def test_a_terminal_gets_styles() -> None:
    """Heads stand out where the terminal can show it; so the tests below test something."""
    for output in on_terminal(100, *COMMANDS):
        assert styles(output)


def test_no_color() -> None:
    """NO_COLOR takes the colours away; attributes such as bold are none (no-color.org)."""
    for output in on_terminal(100, *COMMANDS, NO_COLOR="1"):
        assert styles(output).isdisjoint(COLOURS)


def test_a_dumb_terminal_gets_plain_text() -> None:
    """TERM=dumb understands no escape at all."""
    for command, output in zip(COMMANDS, on_terminal(100, *COMMANDS, TERM="dumb"), strict=True):
        assert "\x1b" not in output, command


def test_a_pipe_has_neither_escapes_nor_a_width() -> None:
    """Whatever the environment says of the terminal around it."""
    for command in (("summary", "densenet121"), ("explain", "alexnet_2gpu", "conv2"), ("list",)):
        result = start(*command, env=environment(COLUMNS="40", TERM="xterm-256color"))
        assert (result.returncode, result.stderr) == (0, "")
        assert "\x1b" not in result.stdout
        assert result.stdout == succeed(*command)
    assert max(map(len, succeed("summary", "densenet121").split("\n"))) > 120


def test_a_pipe_asked_for_a_table_gets_one_without_escapes() -> None:
    """`--format table | less` is still a pipe."""
    assert succeed("summary", "lenet5", "--format", "table") == succeed("summary", "lenet5")


def test_a_terminal_asked_for_plain_text_gets_what_a_pipe_gets() -> None:
    """`--format plain` has no styles and no width anywhere."""
    for command in ("summary resnet18", "explain alexnet conv1"):
        assert on_terminal(60, f"{command} --format plain") == [succeed(*command.split(" "))]


@pytest.mark.parametrize("kind", ["table", "plain", "markdown", "latex", "html", "csv", "json"])
def test_ascii_is_ascii(kind: str) -> None:
    """In every format and for every network, with the same numbers in it."""
    for name in ("nin_imagenet", "resnet18"):
        for command in ("summary", "memory", "explain"):
            text = succeed(command, name, "--ascii", "--format", kind)
            assert text.isascii(), (command, name)
            digits, told = (re.findall("[0-9]+", t) for t in (text, succeed(command, name, "--format", kind)))
            assert digits == told, (command, name)
    assert succeed("explain", "nin_imagenet", "pool2", "--ascii", "--format", kind).isascii()


def test_ascii_on_a_terminal() -> None:
    """Rules, bullets and signs, with and without an encoding that has more."""
    commands = [f"{command} --ascii" for command in (*COMMANDS, "explain nin_imagenet pool2")]
    for changes in ({}, {"PYTHONIOENCODING": "ascii"}):
        for command, output in zip(commands, on_terminal(100, *commands, **changes), strict=True):
            assert bare(output).isascii(), command


LIMITED = (
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "latin-1"},
)


@pytest.mark.parametrize("changes", LIMITED, ids=lambda changes: "-".join(changes.values()))
def test_a_limited_encoding_gets_signs_that_it_has(changes: dict[str, str]) -> None:
    """On a terminal and through a pipe, for results, help and errors: no crash, nothing it cannot show."""
    commands = (*COMMANDS, "explain nin_imagenet pool2", "summary --help", "check lenet5")
    for command, output in zip(commands, on_terminal(100, *commands, **changes), strict=True):
        assert bare(output).isascii(), command
    for arguments in (("summary", "resnet18"), ("summary", "--help"), ("explain", "alexnet", "conv1")):
        result = start(*arguments, env=environment(**changes))
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.isascii(), arguments
    failed = start("summary", "×net", env=environment(**changes))
    assert (failed.returncode, failed.stdout) == (2, "")
    assert "Traceback" not in failed.stderr


@pytest.mark.parametrize("language", ["C", "POSIX", "de_DE.UTF-8"])
def test_the_language_of_the_terminal_changes_nothing(language: str) -> None:
    """Numbers keep their commas and points."""
    result = start("summary", "lenet5", env=environment(LANG=language, LC_ALL=language))
    assert (result.returncode, result.stderr) == (0, "")
    assert re.findall(r"[0-9.,]+", result.stdout) == re.findall(r"[0-9.,]+", run("summary", "lenet5").out)
