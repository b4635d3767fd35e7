"""Specs over others (`extends`), and changes from outside (`set`)."""

from pathlib import Path
from typing import Any

import pytest

from archcalc.errors import ArchcalcError, Problem, UsageError
from archcalc.network import Network, load
from archcalc.spec import zoo

from .helpers import build, marked, messages, refused, spec

BASE = """archcalc: 1
name: base
title: The base
family: Bases
paper: {title: On bases, year: 2015}
input: [3, 8, 8]
vars: {width: 4, classes: 10}
published:
  - {metric: params, value: 7, source: a table}
blocks:
  body:
    layers: [conv: {out_channels: =width, kernel_size: 1}]
layers:
  - body
  - flatten
  - linear: {name: fc, out_features: =classes}
"""


def over(folder: Path, text: str, base: str = BASE) -> Network:
    """The network of a text that extends `base`."""
    (folder / "base.yaml").write_text(base)
    path = folder / "over.yaml"
    path.write_text(f"archcalc: 1\nextends: base\nname: over\n{text}")
    return load(str(path))


def problems(folder: Path, text: str) -> tuple[Problem, ...]:
    with pytest.raises(ArchcalcError) as caught:
        over(folder, text)
    return caught.value.problems


def widths(network: Network) -> list[int]:
    return [shape[0] for shape in network.graph.shapes]


def test_nothing_but_a_name_is_the_base(tmp_path: Path) -> None:
    """All but name, title and published numbers is taken over: those speak of one network."""
    network = over(tmp_path, "")
    assert widths(network) == [3, 4, 256, 10]
    assert (network.spec.name, network.graph.name) == ("over", "over")
    assert (network.spec.title, network.spec.family) == ("over", "Bases")  # a title speaks of one network, too
    assert network.spec.paper == {"title": "On bases", "year": 2015}
    assert network.spec.published == ()


def test_vars_are_joined(tmp_path: Path) -> None:
    assert widths(over(tmp_path, "vars: {width: 5}\n")) == [3, 5, 320, 10]


def test_vars_may_use_those_of_the_base(tmp_path: Path) -> None:
    assert widths(over(tmp_path, "vars: {classes: =2*width}\n")) == [3, 4, 256, 8]


def test_an_unknown_variable_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    """A variable that nothing reads would change nothing, silently."""
    (problem,) = problems(tmp_path, "vars: {clases: 5}\n")
    assert problem.message == "'base' has no variable 'clases'"
    assert problem.hint == "did you mean 'classes'?"
    assert marked(problem) == "clases"


def test_new_layers_may_bring_new_variables(tmp_path: Path) -> None:
    network = over(tmp_path, "vars: {extra: 7}\nlayers: [body, conv: {out_channels: =extra, kernel_size: 1}]\n")
    assert widths(network) == [3, 4, 7]


def test_blocks_are_joined_and_replaced(tmp_path: Path) -> None:
    text = "blocks:\n  body:\n    layers: [conv: {out_channels: 9, kernel_size: 8}]\n"
    assert widths(over(tmp_path, text)) == [3, 9, 9, 10]


def test_input_title_and_paper_may_be_written_anew(tmp_path: Path) -> None:
    network = over(tmp_path, "title: Over\npaper: {title: On overs}\ninput: [1, 4, 4]\n")
    assert (network.spec.title, network.spec.paper) == ("Over", {"title": "On overs"})
    assert network.graph.input_shape == (1, 4, 4)


def test_chains_of_extends(tmp_path: Path) -> None:
    """The nearest file that says something is heard; a path counts from the file that names it."""
    (tmp_path / "far").mkdir()
    (tmp_path / "far/root.yaml").write_text(BASE)
    middle = "archcalc: 1\nextends: far/root.yaml\nname: base\nvars: {width: 6, classes: 6}\n"
    assert widths(over(tmp_path, "vars: {classes: 7}\n", middle)) == [3, 6, 384, 7]


def test_a_neighbour_is_nearer_than_the_zoo(tmp_path: Path) -> None:
    (tmp_path / "vgg16.yaml").write_text(BASE)
    path = tmp_path / "mine.yaml"
    path.write_text("archcalc: 1\nextends: vgg16\nname: mine\n")
    assert load(str(path)).spec.family == "Bases"
    (tmp_path / "vgg16.yaml").unlink()
    assert load(str(path)).spec.family == "VGG"


@pytest.mark.parametrize("base", ["over", "base"])
def test_cycles_are_refused(tmp_path: Path, base: str) -> None:
    """A file over itself, or two over one another."""
    (tmp_path / "base.yaml").write_text("archcalc: 1\nextends: over\nname: base\n")
    path = tmp_path / "over.yaml"
    path.write_text(f"archcalc: 1\nextends: {base}\nname: over\n")
    with pytest.raises(ArchcalcError) as caught:
        load(str(path))
    (problem,) = caught.value.problems
    assert problem.message == "'over' extends itself in the end"
    assert marked(problem) == "over"


def test_long_chains_are_refused(tmp_path: Path) -> None:
    for i in range(40):
        (tmp_path / f"n{i}.yaml").write_text(f"archcalc: 1\nextends: n{i + 1}\nname: n{i}\n")
    with pytest.raises(ArchcalcError, match="more than 16 specs extend one another"):
        load(str(tmp_path / "n0.yaml"))


@pytest.mark.parametrize("base", ["nothing", "./nothing.yaml", ".", "/", "''", "'a\\0b'", "x" * 5000, "'-'"])
def test_what_cannot_be_extended_is_marked(tmp_path: Path, base: str) -> None:
    """Whatever is wrong with the file that is extended, the line that names it is shown. Standard input is no file."""
    path = tmp_path / "over.yaml"
    path.write_text(f"archcalc: 1\nextends: {base}\nname: over\n")
    with pytest.raises(ArchcalcError) as caught:
        load(str(path))
    first = caught.value.problems[0]
    assert first.span is not None
    assert first.span.line == 2


def test_problems_of_the_base_are_shown_in_the_base(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(BASE.replace("flatten", "flaten"))
    path = tmp_path / "over.yaml"
    path.write_text("archcalc: 1\nextends: base\nname: over\n")
    with pytest.raises(ArchcalcError) as caught:
        load(str(path))
    (problem,) = caught.value.problems
    assert problem.span is not None
    assert Path(problem.span.source.name).name == "base.yaml"
    assert marked(problem) == "flaten"


def test_the_zoo_is_extended_from_texts() -> None:
    assert refused("archcalc: 1\nextends: resnet5\nname: x\n")[0].hint == "did you mean 'resnet50'?"


SET = "- conv: {name: c, out_channels: =width, kernel_size: 3}\n- pool\n"
VARS = "vars: {width: 4, twice: =2*width}\nblocks:\n  pool:\n    layers: [maxpool: {kernel_size: 2}]\n"


@pytest.mark.parametrize(
    ("changes", "shapes"),
    [
        ({"vars.width": 6}, [(6, 30, 30), (6, 15, 15)]),
        ({"vars.width": "6"}, [(6, 30, 30), (6, 15, 15)]),
        ({"vars.width": "=2**3"}, [(8, 30, 30), (8, 15, 15)]),
        ({"c.kernel_size": 5}, [(4, 28, 28), (4, 14, 14)]),
        ({"c.padding": "same", "c.stride": [1, 2]}, [(4, 32, 16), (4, 16, 8)]),
        ({"c.kernel_size": (1, 3)}, [(4, 32, 30), (4, 16, 15)]),
        ({"pool.maxpool.stride": 1}, [(4, 30, 30), (4, 29, 29)]),
    ],
)
def test_set(changes: dict[str, Any], shapes: list[tuple[int, ...]]) -> None:
    """Variables by `vars.NAME`, arguments of a layer by its full name; values are YAML, or Python's."""
    assert list(build(SET, VARS, set=changes).graph.shapes[1:]) == shapes


def test_variables_that_use_a_changed_one_change_too() -> None:
    layers = "- conv: {out_channels: =twice, kernel_size: 1}\n"
    assert build(layers, VARS, set={"vars.width": 5}).graph.shapes[-1][0] == 10


@pytest.mark.parametrize(
    ("target", "value", "message", "hint"),
    [
        ("vars.wdith", 3, "there is no variable 'wdith'", "did you mean 'width'?"),
        ("d.stride", 3, "'tiny' has no layer 'd'", None),
        ("pool.maxpol.stride", 3, "'tiny' has no layer 'pool.maxpol'", "did you mean 'pool.maxpool'?"),
        ("c.strid", 3, "conv has no argument 'strid'", "did you mean 'stride'?"),
        ("c.stride", "abc", "stride is a whole number from 1 or a list of whole numbers from 1", "this is 'abc'"),
        ("c.stride", "[1", "this is not YAML: while parsing a flow sequence did not find expected ',' or ']'", None),
        ("c.kernel_size", 99, "c: kernel 99 is larger than its input of 32", ""),
        ("vars.width", "=wdith", "there is no variable 'wdith' here", None),
    ],
)
def test_set_refuses(target: str, value: object, message: str, hint: str | None) -> None:
    (problem,) = refused(spec(SET, VARS), set={target: value})
    assert problem.message == message
    assert hint is None or problem.hint == hint


def test_all_changes_that_cannot_be_are_named_at_once() -> None:
    assert len(messages(SET, VARS, set={"vars.a": 1, "b.c": 2, "c.d": 3})) == 3


@pytest.mark.parametrize("changes", [{"width": 3}, {"": 3}, {"vars.width": object()}, {"vars.width": "\udc80"}])
def test_changes_that_mean_nothing(changes: dict[str, Any]) -> None:
    """A target without a layer, a value that is not one of YAML's: an error of ours."""
    with pytest.raises(ArchcalcError):
        build(SET, VARS, set=changes)


@pytest.mark.parametrize("value", ["''", "null", "[]", "{a: 1}", "[[1]]", "-1", "1e30", "true"])
def test_odd_values_are_refused_in_words(value: str) -> None:
    (problem,) = refused(spec(SET, VARS), set={"c.out_channels": value})
    assert problem.message == "out_channels is a whole number from 1"


def test_an_empty_value_is_nothing() -> None:
    (problem,) = refused(spec(SET, VARS), set={"vars.width": ""})
    assert "archcalc: 1" not in problem.hint


def test_unknown_networks_are_suggested() -> None:
    with pytest.raises(UsageError, match="did you mean 'vgg16'"):
        zoo.find("vg16")
