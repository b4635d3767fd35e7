"""The zoo: every spec in `specs/` can be loaded and says what it is."""

from pathlib import Path

import pytest

from archcalc.network import load
from archcalc.ops.source import Input
from archcalc.spec import zoo

FOLDER = Path(__file__).parents[2] / "specs"
FILES = sorted(FOLDER.glob("*.yaml"))


def test_all_specs_are_listed() -> None:
    """`names()` is the files of the folder, in order, and nothing else lies there."""
    assert zoo.names() == [file.stem for file in FILES]
    assert len(FILES) >= 20
    assert {file.suffix for file in FOLDER.iterdir() if file.is_file()} <= {".yaml", ".npz", ".md"}


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_a_spec_says_what_it_is(name: str) -> None:
    """It loads by name, is called as its file, and has a title, a family and an input of its own or its base."""
    spec, graph = load(name).spec, load(name).graph
    assert (spec.name, graph.name) == (name, name)
    assert spec.title
    assert spec.title != name
    assert spec.family
    assert isinstance(graph.nodes[0].op, Input)
    assert spec.input is not None
    assert len(graph.nodes) > 5
    assert len(graph.nodes) == len(graph.shapes)


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_a_spec_names_sources(name: str) -> None:
    """A network that is in a paper has the paper; each number it cites names who printed it."""
    spec = load(name).spec
    assert spec.paper
    assert all(number.source.strip() and number.value >= 0 for number in spec.published)


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_a_path_is_as_good_as_a_name(name: str) -> None:
    by_path = load(str(FOLDER / f"{name}.yaml")).graph
    assert by_path.shapes == load(name).graph.shapes


def test_titles_differ() -> None:
    titles = [load(name).spec.title for name in zoo.names()]
    assert len({*titles}) == len(titles)


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_names_of_layers_are_unique(name: str) -> None:
    found = [node.name for node in load(name).graph.nodes]
    assert len({*found}) == len(found)
    assert all(producer < position for position, node in enumerate(load(name).graph.nodes) for producer in node.inputs)
