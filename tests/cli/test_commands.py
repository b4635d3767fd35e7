"""What each command answers, and what its options change."""

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from archcalc.analysis.explain import Explanation, Step, explain_layer, explain_network
from archcalc.analysis.whole import Analysis
from archcalc.cli.main import COMMANDS, cli
from archcalc.network import load
from archcalc.spec import zoo

from . import reading
from .running import ROOT, run, spec, succeed
from .sample import SAMPLE

CONVENTIONS = ("--input", "--batch", "--dtype", "--model", "--set")
ROWS = ("--columns", "--depth", "--sort", "--top", "--fold")
OUTPUT = ("--format", "--output", "--si", "--ascii")
TABLES = ("summary", "shapes", "params", "macs", "memory", "rf")


def cells(*arguments: str) -> dict[str, dict[str, str]]:
    """Layer → column → exact value, from the CSV of a command."""
    return {row["layer"]: row for row in reading.csv_rows(succeed(*arguments, "--format", "csv"))}


def test_shapes_of_the_lecture() -> None:
    """CS231n's AlexNet: 227 → 55 → 27 → 13 → 6, then 9216 features."""
    outputs = {name: row["output"] for name, row in cells("shapes", "alexnet").items()}
    lecture = {
        "conv1": "96x55x55",
        "pool1": "96x27x27",
        "conv2": "256x27x27",
        "pool2": "256x13x13",
        "conv3": "384x13x13",
        "conv4": "384x13x13",
        "conv5": "256x13x13",
        "pool3": "256x6x6",
        "flatten": "9216",
        "fc6": "4096",
        "fc8": "1000",
    }
    assert outputs | lecture == outputs
    line = next(line for line in succeed("shapes", "alexnet").split("\n") if line.startswith("conv1 "))
    assert line.split() == ["conv1", "(conv)", "3×227×227", "96×55×55", "11×11/4"]


def test_explanation_of_the_lecture() -> None:
    """Both famous derivations: (227 − 11)/4 + 1 = 55 and 11·11·3·96 = 34,848 weights, 34,944 with biases."""
    lines = [line.strip(" =") for line in succeed("explain", "alexnet", "conv1").split("\n")]
    size = next(line for line in lines if "227" in line and "//" in line)
    assert re.findall(r"\d+", size)[:3] == ["227", "11", "2"]
    assert size.endswith("//4 + 1")
    assert lines[lines.index(size) + 1] == "55"
    assert lines[lines.index("11·11·3·96") + 1] == "34,848"
    assert lines[lines.index("34,848 + 96") + 1] == "34,944"


def test_parameters_of_vgg16() -> None:
    """138,357,544 parameters, in all and as the sum of the layers."""
    assert "138,357,544" in succeed("params", "vgg16")
    *_, last = reading.plain(succeed("params", "vgg16", "--per-layer")).rows
    assert (last[0], "138,357,544" in last) == ("total", True)


def test_receptive_field_of_vgg16() -> None:
    """pool5 sees 212 pixels at stride 32 with padding 90 (Araujo et al. 2019); what is flat sees everything."""
    rows = cells("rf", "vgg16")
    pool5 = [rows["pool5"][key] for key in ("rf_h", "rf_w", "stride_h", "stride_w", "padding_h", "padding_w")]
    assert pool5 == ["212", "212", "32", "32", "90", "90"]
    assert rows["fc6"]["rf_h"] == "global"


def test_memory_of_vgg16() -> None:
    """CS231n counts 15,237,608 activations; at most conv1_1 and relu1_1 are alive together: 24.5 MiB."""
    assert "15,237,608" in succeed("memory", "vgg16", "--model", "lecture")
    peak = succeed("memory", "vgg16")
    assert all(word in peak for word in ("24.5 MiB", "conv1_1", "relu1_1"))


@pytest.mark.parametrize("options", [(), ("--per-layer",), ("--breakdown",), ("--format", "json")])
def test_flops_is_macs_by_another_name(options: tuple[str, ...]) -> None:
    """`flops` answers what `macs` answers."""
    assert succeed("flops", "resnet18", *options) == succeed("macs", "resnet18", *options)


def test_set_changes_variables_and_arguments() -> None:
    """`--set` reaches a variable and an argument of one layer; each is 'as if the spec said so'."""
    rows = cells("params", "alexnet", "--set", "vars.classes=10", "--set", "conv1.out_channels=64")
    assert rows["fc8"]["params"] == str(4096 * 10 + 10)
    assert rows["conv1"]["params"] == str(11 * 11 * 3 * 64 + 64)
    deeper = json.loads(succeed("params", "resnet50", "--set", "vars.depths=[3,4,23,3]", "--format", "json"))
    assert deeper["totals"]["params"] == 44_549_160  # torchvision's resnet101


@pytest.mark.parametrize("shape", ["1x28x28", "1,28,28", "[1, 28, 28]", "1×28×28"])
def test_input_replaces_the_input(shape: str) -> None:
    """However it is written."""
    assert json.loads(succeed("shapes", "lenet5", "--input", shape, "--format", "json"))["input"] == [1, 28, 28]


def test_batch_and_dtype_scale_what_they_should() -> None:
    """A batch multiplies operations and activations, a data type bytes; neither touches parameters."""

    def totals(*options: str) -> dict[str, int]:
        return dict(json.loads(succeed("summary", "lenet5", "--format", "json", *options))["totals"])

    one, batch, half = totals(), totals("--batch", "7"), totals("--dtype", "float16")
    for key, value in one.items():
        weights, size = key in ("params", "buffers", "weight_bytes"), key.endswith("_bytes")
        assert batch[key] == value * (1 if weights else 7), key
        assert half[key] * (2 if size else 1) == value, key


def test_conventions_are_said_in_every_table() -> None:
    """Input, batch and data type stand above each table: no number without its conventions."""
    for command in (*TABLES, "explain"):
        text = succeed(command, "lenet5", "--batch", "3", "--dtype", "int8", "--input", "1x36x36")
        assert all(word in text for word in ("1×36×36", "batch 3", "int8")), command


@pytest.mark.parametrize("model", ["lecture", "all", "peak"])
def test_every_table_of_memory_names_its_model(model: str) -> None:
    """A sum of bytes without its model says nothing."""
    for command in (("memory",), ("memory", "--per-layer"), ("summary",)):
        assert model in succeed(command[0], "lenet5", "--model", model, *command[1:])


def test_columns_are_those_asked_for_in_that_order() -> None:
    """The layer comes first, whatever is asked."""
    (row, *_) = reading.csv_rows(succeed("summary", "lenet5", "--columns", "macs,output,params", "--format", "csv"))
    assert list(row) == ["layer", "type", "macs", "output", "params"]


@pytest.mark.parametrize("key", ["params", "macs", "activations", "output"])
def test_sort_puts_the_largest_first(key: str) -> None:
    """In a flat list that still holds every layer once."""
    rows = reading.csv_rows(succeed("summary", "resnet18", "--sort", key, "--format", "csv"))
    sizes = [math.prod(map(int, row[key].split("x"))) for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    assert sorted(row["layer"] for row in rows) == sorted(node.name for node in load("resnet18").graph.nodes)


def test_top_keeps_the_largest_of_what_the_table_is_about() -> None:
    """Without `--sort`, too; and the sum below is still that of the whole network."""
    grid = reading.plain(succeed("params", "alexnet", "--top", "3"))
    assert [row[0].partition(" ")[0] for row in grid.rows] == ["fc6", "fc7", "fc8", "total"]
    assert "62,378,344" in grid.rows[-1]


def test_depth_cuts_the_tree() -> None:
    """At depth n no row is indented deeper, and nothing above is lost."""
    whole = [row[0] for row in reading.plain(succeed("shapes", "resnet18", "--no-fold")).rows]
    for depth in (1, 2, 3, 9):
        rows = [row[0] for row in reading.plain(succeed("shapes", "resnet18", "--no-fold", "--depth", str(depth))).rows]
        assert rows == [row for row in whole if len(row) - len(row.lstrip()) < 2 * depth]


def test_fold_shows_identical_blocks_once() -> None:
    """The two equal blocks of ResNet-18's first stage are one row; unfolded they are two."""
    assert re.search(r"^  0–1 ×2 ", succeed("summary", "resnet18"), re.MULTILINE)
    assert "×2 " not in succeed("summary", "resnet18", "--no-fold", "--columns", "params")
    assert succeed("summary", "resnet18", "--fold") == succeed("summary", "resnet18")


def test_a_spec_from_stdin_or_a_file(tmp_path: Path) -> None:
    """`-` and a path give what the zoo's name gives."""
    text = (ROOT / "specs" / "lenet5.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(text)
    expected = succeed("summary", "lenet5")
    assert succeed("summary", "-", stdin=text) == expected
    assert succeed("summary", str(tmp_path / "mine.yaml")) == expected


@pytest.mark.parametrize(
    ("budget", "code"),
    [
        ("params > 62.4M", 0),
        ("params > 62.3M", 1),
        ("params >= 62378344", 1),
        ("params > 62378344", 0),
        ("params == 62378344", 1),
        ("macs < 2G", 1),
        ("buffers != 0", 0),
        ("weights>237MiB", 1),
        ("weights > 238 MiB", 0),
        ("peak <= 320KiB", 0),
    ],
)
def test_budgets_decide_the_exit_code(budget: str, code: int) -> None:
    """1 where the condition to fail on is true."""
    result = run("check", "alexnet", "--fail-on", budget)
    assert (result.code, result.err) == (code, "")
    assert [word for word in ("FAILS", "passes") if word in result.out] == [("passes", "FAILS")[code]]


def test_check_tells_all_problems_of_a_broken_file(tmp_path: Path) -> None:
    """Exit 2, each problem with file, line and column, the nearest name beside it."""
    broken = tmp_path / "broken.yaml"
    broken.write_text(spec("konv: {}", "conv: {out_channels: 4, kernal_size: 3}", "relu", "relu: {name: a?b}"))
    result = run("check", str(broken))
    assert (result.code, result.out) == (2, "")
    assert [f"broken.yaml:{line}:" in result.err for line in range(4, 9)] == [False, True, True, False, True]
    assert "'conv'" in result.err
    assert "'kernel_size'" in result.err


def test_check_takes_several_files() -> None:
    """One broken budget among them is enough to fail."""
    result = run("check", "lenet5", "alexnet", "--fail-on", "params > 1M")
    assert result.code == 1
    rows = [row[0] + " " + row[5] for row in reading.plain(result.out).rows]
    assert rows == ["lenet5 passes", "alexnet FAILS"]


def test_list_shows_the_zoo() -> None:
    """Every spec once, in the table, as names and by family."""
    names = zoo.names()
    assert succeed("list", "--names").split() == names
    assert sorted(row[0] for row in reading.plain(succeed("list")).rows) == names  # the table is by year
    assert {row["name"] for row in reading.csv_rows(succeed("list", "--format", "csv"))} == {*names}
    vgg = succeed("list", "--family", "vgg", "--names").split()
    assert {*vgg} == {name for name in names if name.startswith("vgg")}
    assert sorted(row[0] for row in reading.plain(succeed("list", "--family", "VGG")).rows) == sorted(vgg)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_for_the_shell(shell: str) -> None:
    """It binds a function to `archcalc`."""
    script = succeed("completion", shell)
    assert "archcalc" in script
    assert "_ARCHCALC_COMPLETE" in script


@pytest.mark.parametrize(("words", "expected"), [("archcalc sum", "summary"), ("archcalc params vgg16_", "vgg16_bn")])
def test_completion_knows_commands_and_networks(words: str, expected: str) -> None:
    """What the shell asks for the last word is answered."""
    asked = {"_ARCHCALC_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    # click answers shells in its standalone mode only, which our `run` does not use.
    answer = CliRunner().invoke(cli, prog_name="archcalc", env=asked).output
    assert f"plain,{expected}" in answer.split("\n")


def test_version() -> None:
    """Installed or not: a checkout has a version too."""
    assert re.fullmatch(r"archcalc [0-9]+\.[0-9]+\S*\n", succeed("--version"))


@pytest.mark.parametrize("command", [*COMMANDS, "flops"])
def test_help_shows_every_common_option(command: str) -> None:
    """One decorator gives them to every command that shows layers; `list` has those of output."""
    text = succeed(command, "--help")
    analysed = (*TABLES, "explain", "flops")
    expected = [*(CONVENTIONS if command in (*analysed, "check") else ())]
    expected += ROWS if command in (*TABLES, "flops") else ()
    expected += OUTPUT if command in (*analysed, "list") else ()
    assert [option for option in expected if option not in text] == []
    assert succeed(command, "-h") == text


def test_help_lists_every_command() -> None:
    """With a line each."""
    text = succeed("--help")
    assert all(re.search(rf"^  {command} +\S", text, re.MULTILINE) for command in COMMANDS)


def steps(explanation: Explanation) -> Iterator[Step]:
    for section in explanation.sections:
        yield from section.steps


@pytest.mark.parametrize("name", SAMPLE)
def test_explanations_are_computations(name: str, evaluate: Callable[[str], int]) -> None:
    """Worked out again by an evaluator, the values put in give the result: for every layer and the totals."""
    network = load(name)
    analysis = Analysis(network.spec, network.graph, batch=2)
    explanations = [explain_layer(analysis, node.name) for node in network.graph.nodes]
    checked = 0
    for explanation in (*explanations, explain_network(analysis)):
        for step in steps(explanation):
            arithmetic = step.values and not re.search("[A-Za-z]", re.sub("max|min|gcd", "", step.values))
            if arithmetic:
                checked += 1
                assert evaluate(step.values) == step.result, (explanation.title, step)
    assert checked > 3 * len(network.graph.nodes) / 2


@pytest.mark.parametrize("name", ["alexnet_2gpu", "googlenet", "densenet121", "fractalnet20"])
def test_explanations_answer_what_the_analyses_answer(name: str) -> None:
    """The last step of parameters, operations and memory is the number in the table."""
    network = load(name)
    analysis = Analysis(network.spec, network.graph)
    for position, node in enumerate(network.graph.nodes):
        sections = {section.title: section for section in explain_layer(analysis, node.name).sections}
        results = {title: [step.result for step in section.steps] for title, section in sections.items()}
        params, cost = analysis.params.layers[position].params, analysis.cost.layers[position]
        assert params == 0 or params in results["Parameters"], node.name
        assert cost.flops == 0 or {cost.macs or cost.flops, cost.flops} <= {*results["Operations"]}, node.name
        assert results["Memory"][-1] == analysis.memory.layers[position].bytes


def test_fields_behind_an_upsampling_are_told_by_points_of_a_grid(tmp_path: Path) -> None:
    """Three units, each half an input unit from the next: what the first and the last see is 4 wide together."""
    path = tmp_path / "shuffled.yaml"
    path.write_text(
        "archcalc: 1\ninput: [3, 16, 16]\nlayers:\n- conv: {out_channels: 16, kernel_size: 3, padding: 1}\n"
        "- pixel_shuffle: {upscale_factor: 2}\n- conv: {name: last, out_channels: 8, kernel_size: 3, padding: 1}\n"
    )
    told = succeed("explain", str(path), "last")
    assert "size  from 3, through 3 points of a spread grid, 1/2 of the input apart = 4" in told
