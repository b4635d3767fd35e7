"""archcalc import: a network as a spec, on standard output or in a file."""

from pathlib import Path

from archcalc.network import load

from .running import run, spec, succeed


def test_import_reads_back(tmp_path: Path) -> None:
    """The file is the text that is printed without -o, and opens as the same network."""
    printed = succeed("import", "squeezenet1_0")
    path = tmp_path / "net.yaml"
    assert succeed("import", "squeezenet1_0", "-o", str(path)) == ""
    assert path.read_text(encoding="utf-8") == printed
    found, meant = load(path), load("squeezenet1_0")
    assert [(node.name, node.op, node.inputs) for node in found.graph.nodes] == [
        (node.name, node.op, node.inputs) for node in meant.graph.nodes
    ]
    assert found.spec.title == "SqueezeNet 1.0"
    assert succeed("import", str(path)) == printed
    assert succeed("summary", str(path)) == succeed("summary", "squeezenet1_0")


def test_flat_and_input() -> None:
    text = succeed("import", "-", "--flat", "--input", "3x8x8", stdin=spec("add: [[relu], []]", "tanh"))
    assert text.splitlines() == [
        "archcalc: 1",
        "name: tiny",
        "input: [3, 8, 8]",
        "layers:",
        "  - relu",
        "  - add: {inputs: [relu, input]}",
        "  - tanh",
    ]


def test_what_fails_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    result = run("import", "resnet5", "-o", str(path))
    assert (result.code, result.out) == (2, "")
    assert "did you mean 'resnet50'?" in result.err
    assert not path.exists()
    assert run("import", "lenet5", "-o", str(tmp_path / "no" / "net.yaml")).code == 2
