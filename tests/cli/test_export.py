"""export: which form, into which file, with which weights; ONNX by onnxruntime; what is refused, and how."""

import stat
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

import archcalc
from archcalc.errors import UsageError
from archcalc.formats.onnx_export import save_onnx
from archcalc.forward.reference import run_reference
from archcalc.forward.weight_files.opened import load_weights
from archcalc.forward.weight_files.writing import save_weights
from archcalc.forward.weights import random_weights
from archcalc.network import load

from .running import environment, run, run_on_terminal, start, succeed

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def by_onnxruntime(path: Path, x: np.ndarray) -> np.ndarray:
    """The output of a model, which the checker has read first."""
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {session.get_inputs()[0].name: x})
    return output


def samples(network: archcalc.Network, batch: int = 1) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((batch, *network.graph.input_shape), dtype=np.float32)


def expected(network: archcalc.Network, weights: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    *_, (_, output) = run_reference(network.graph, weights, x)
    return output


@pytest.mark.parametrize("name", ["lenet5", "squeezenet1_1", "mobilenet_v3_small", "fractalnet_c3"])
def test_onnx_runs_to_our_output(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    assert succeed("export", name, "-o", str(path), "--weights", "random:7") == ""
    network = load(name)
    x = samples(network)
    np.testing.assert_allclose(
        by_onnxruntime(path, x), expected(network, random_weights(network.graph, 7), x), rtol=1e-4, atol=1e-4
    )


def test_onnx_of_any_batch_runs_to_our_output(tmp_path: Path) -> None:
    """A vision transformer has parameters that are repeated for each sample."""
    spec = tmp_path / "net.yaml"
    spec.write_text(
        "archcalc: 1\nname: net\ninput: [3, 8, 8]\nlayers:\n"
        "  - conv: {name: patches, out_channels: 6, kernel_size: 4, stride: 4}\n  - flatten: {start_dim: 2}\n"
        "  - permute: {dims: [0, 2, 1]}\n  - parameter: {name: token, shape: [1, 6]}\n"
        "  - concat: {inputs: [token, permute], dim: 1}\n  - multihead_attention: {embed_dim: 6, num_heads: 2}\n"
        "  - permute: {name: map, dims: [0, 2, 1]}\n  - upsample: {size: 7, mode: linear}\n"
    )
    path = tmp_path / "net.onnx"
    succeed("export", str(spec), "-o", str(path), "--any-batch")
    network = load(spec)
    for batch in (1, 3):
        x = samples(network, batch)
        output = by_onnxruntime(path, x)
        np.testing.assert_allclose(output, expected(network, random_weights(network.graph, 0), x), rtol=1e-4, atol=1e-5)
    (dim, *_) = onnx.load(str(path)).graph.input[0].type.tensor_type.shape.dim
    assert dim.dim_param == "batch"


def test_onnx_has_the_weights_of_the_spec(tmp_path: Path) -> None:
    """Trained on digits: what it takes a digit for is what `run` takes it for."""
    path = tmp_path / "net.onnx"
    succeed("export", "lenet5_digits", "-o", str(path))
    network = load("lenet5_digits")
    x = samples(network)
    np.testing.assert_allclose(by_onnxruntime(path, x), archcalc.run(network, x).output, rtol=1e-4, atol=1e-5)


def test_weights_beside_a_large_model(tmp_path: Path) -> None:
    """Beyond a number of bytes that we lower here, weights are a file of their own, which the model names."""
    network, path = load("lenet5"), tmp_path / "net.onnx"
    weights = random_weights(network.graph, 3)
    save_onnx(str(path), network.graph, weights, most=100_000)
    assert sorted(tmp_path.iterdir()) == [path, tmp_path / "net.onnx.data"]
    assert path.stat().st_size < 10_000
    x = samples(network)
    np.testing.assert_allclose(by_onnxruntime(path, x), expected(network, weights, x), rtol=1e-4, atol=1e-5)
    (tmp_path / "net.onnx.data").unlink()
    with pytest.raises(onnx.checker.ValidationError):
        by_onnxruntime(path, x)


def test_onnx_to_a_pipe_is_the_model_and_to_a_terminal_refused(tmp_path: Path) -> None:
    with (tmp_path / "net.onnx").open("wb") as file:
        assert start("export", "lenet5", "--to", "onnx", stdout=file).returncode == 0
    succeed("export", "lenet5", "-o", str(tmp_path / "other.onnx"))
    assert (tmp_path / "net.onnx").read_bytes() == (tmp_path / "other.onnx").read_bytes()
    (result,) = run_on_terminal(80, ("export", "lenet5", "--to", "onnx"))
    assert (result.code, result.out) == (2, "ONNX is no text for a terminal; give it a file, such as -o net.onnx\n")


@pytest.mark.parametrize(
    ("file", "begins"),
    [("net.dot", "digraph"), ("net.gv", "digraph"), ("net.MMD", "---\ntitle"), ("net.mermaid", "---\ntitle")],
)
def test_endings_say_the_form(file: str, begins: str, tmp_path: Path) -> None:
    path = tmp_path / file
    assert succeed("export", "lenet5", "-o", str(path)) == ""
    assert path.read_text("utf-8").startswith(begins)


@pytest.mark.parametrize("form", ["torch", "keras", "dot", "mermaid"])
def test_texts_are_alike_wherever_they_go(form: str, tmp_path: Path) -> None:
    path = tmp_path / "net.txt"
    succeed("export", "lenet5", "--to", form, "-o", str(path))
    text = path.read_text("utf-8")
    assert succeed("export", "lenet5", "--to", form) == text
    assert archcalc.export("lenet5", form) == text  # type: ignore[arg-type]


def test_options_change_the_network() -> None:
    text = succeed("export", "lenet5", "--to", "torch", "--input", "1x36x36", "--set", "fc3.out_features=7")
    assert "nn.Linear(576, 120)" in text
    assert "nn.Linear(84, 7)" in text
    heads = succeed("export", "inception_v3_aux", "--to", "torch", "--mode", "train")
    assert "self.AuxLogits" in heads


def test_weights_beside_a_source(tmp_path: Path) -> None:
    """Those that are asked for, else those that the network comes with, else none."""
    path, beside = tmp_path / "net.py", tmp_path / "net.npz"
    succeed("export", "lenet5", "--to", "torch", "-o", str(path))
    assert not beside.exists()
    succeed("export", "lenet5", "--to", "keras", "-o", str(path), "--weights", "random:4")
    for name, array in random_weights(load("lenet5").graph, 4).items():
        np.testing.assert_array_equal(load_weights(beside)[name], array)
    beside.unlink()
    succeed("export", "lenet5_digits", "--to", "torch", "-o", str(path))
    trained = load_weights(Path(archcalc.load("lenet5_digits").spec.weights))
    for name, array in load_weights(beside).items():
        np.testing.assert_array_equal(array, trained[name])


REFUSED = {
    ("-o", "net.py"): "exported to what? '.py' does not say it; --to torch or --to keras",
    ("-o", "net"): "exported to what? there is no ending that says it; --to onnx, torch, keras, dot or mermaid",
    (): "exported to what? there is no ending that says it; --to onnx, torch, keras, dot or mermaid",
    ("--to", "torch", "--batch", "2"): "a batch is ONNX's, and torch has none",
    ("--to", "keras", "--any-batch"): "a batch is ONNX's, and keras has none",
    ("--to", "dot", "--opset", "21"): "an opset is ONNX's, and dot has none",
    ("--to", "torch", "--depth", "2"): "a depth is for diagrams, and torch is none; dot and mermaid are",
    ("--to", "mermaid", "--weights", "random:1"): "weights do not show in mermaid",
    (
        "--to",
        "torch",
        "--weights",
        "random:1",
    ): "weights are written beside a source; give it a file, such as -o net.py",
    ("-o", "net.onnx", "--batch", "2", "--any-batch"): "--batch and --any-batch exclude one another",
    ("-o", "net.onnx", "--opset", "20"): f"opset 20 cannot be written; 21 to {onnx.defs.onnx_opset_version()}",
    ("-o", "net.onnx", "--weights", "none.npz"): "'none.npz' cannot be read: No such file or directory",
    ("-o", "nowhere/net.dot"): "'nowhere/net.dot' cannot be written: No such file or directory",
}


@pytest.mark.parametrize("options", REFUSED, ids=" ".join)
def test_refusals(options: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line on stderr, exit code 2, and no file."""
    monkeypatch.chdir(tmp_path)
    assert run("export", "lenet5", *options) == (2, "", f"{REFUSED[options]}\n")
    assert list(tmp_path.iterdir()) == []


def test_all_that_is_wrong_is_said_at_once() -> None:
    result = run("export", "lenet5", "--to", "torch", "--batch", "2", "--opset", "3", "--depth", "1")
    assert result.code == 2
    assert len(result.err.splitlines()) == 3


def test_weights_that_do_not_fit_leave_what_was_there(tmp_path: Path) -> None:
    """Neither a model nor half of one takes the place of a file."""
    path, other = tmp_path / "net.onnx", tmp_path / "other.npz"
    path.write_text("as it was")
    path.chmod(0o640)
    save_weights(other, {"conv1.weight": np.zeros((1, 1), np.float32)})
    assert run("export", "lenet5", "-o", str(path), "--weights", str(other)).code == 2
    assert path.read_text() == "as it was"
    succeed("export", "lenet5", "-o", str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_onnx_missing_is_said_in_a_line(tmp_path: Path) -> None:
    with mock.patch.dict(sys.modules, {"onnx": None}):
        result = run("export", "lenet5", "-o", str(tmp_path / "net.onnx"))
    expected_line = "an ONNX model needs the package onnx, which is not installed; pip install 'archcalc[onnx]'\n"
    assert (result.code, result.err) == (2, expected_line)


def test_what_mermaid_refuses_is_said() -> None:
    result = run("export", "resnet152", "--to", "mermaid")
    assert result.code == 0
    assert "a smaller --depth draws less" in result.err
    assert run("export", "resnet152", "--to", "mermaid", "--depth", "2").err == ""


def test_texts_need_no_numpy() -> None:
    """A source and a diagram are there in the time of a table."""
    code = "import sys; from archcalc.cli.main import run; run({!r}); print('numpy' in sys.modules, file=sys.stderr)"
    import subprocess

    for form in ("torch", "keras", "dot", "mermaid"):
        command = [sys.executable, "-c", code.format(["export", "lenet5", "--to", form])]
        result = subprocess.run(command, capture_output=True, text=True, env=environment(), check=True)
        assert result.stderr == "False\n", form


def test_library_refuses_what_the_command_does(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing is exported to 'onx'; did you mean 'onnx'"):
        archcalc.export("lenet5", "onx")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="ONNX is no text; give it a path"):
        archcalc.export("lenet5", "onnx")
    assert archcalc.export("lenet5", path=tmp_path / "net.onnx", batch=None) == ""
    assert (tmp_path / "net.onnx").exists()
