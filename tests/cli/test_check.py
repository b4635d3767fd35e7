"""`check` with budgets: verdicts, distances, files of budgets, and what CI systems read."""

import json
import re
from pathlib import Path
from typing import Any

import junitparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from . import reading
from .running import run, spec, succeed

SMALL = spec("conv: {out_channels: 4, kernel_size: 3, bias: false}", "relu", head="input: [1, 8, 8]")  # 36 parameters


@pytest.fixture
def small(tmp_path: Path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return str(path)


def budgets(folder: Path, text: str) -> str:
    path = folder / "budgets.yaml"
    path.write_text(text)
    return str(path)


def told(*arguments: str, code: int = 0, stdin: str = "") -> Any:
    result = run("check", *arguments, "--format", "json", stdin=stdin)
    assert (result.code, result.err) == (code, "")
    return json.loads(result.out)


def test_how_far_a_budget_is_missed_or_kept(small: str) -> None:
    """36 parameters, MACs 36·6·6 = 1,296, output 4·6·6·4 bytes."""
    found = told(small, "--fail-on", "params > 30", "--fail-on", "macs >= 1.3K", "--fail-on", "weights != 144B", code=1)
    (missed, kept, met) = found["budgets"]
    assert [entry["fails"] for entry in found["budgets"]] == [True, False, False]
    first = missed["comparisons"][0]
    assert (first["value"], first["limit"], first["difference"], first["share"]) == (36, 30, 6, 0.2)
    second = kept["comparisons"][0]
    assert (second["value"], second["limit"], second["difference"]) == (1296, 1300, -4)
    assert second["share"] == pytest.approx(4 / 1300)
    assert (met["comparisons"][0]["difference"], met["comparisons"][0]["holds"]) == (0, False)
    assert found["networks"] == [
        {"network": small, "input": [1, 8, 8], "batch": 1, "dtype": "float32", "mode": "infer", "layers": 2}
    ]


def test_the_table_says_the_same(small: str) -> None:
    result = run("check", small, "--fail-on", "params > 30", "--fail-on", "peak > 1KiB or not params < 40")
    table = reading.plain(result.out)
    assert result.code == 1
    assert [row[1:] for row in table.rows] == [
        ["params > 30", "36", "30", "FAILS", "6", "20.0"],
        ["peak > 1KiB or not params < 40", "", "", "FAILS", "", ""],
        ["peak > 1KiB", "1.12 KiB", "1.00 KiB", "true", "128 B", "12.5"],
        ["params < 40", "36", "40", "true", "4", "10.0"],
    ]
    assert "2 budgets: 2 fail" in result.out


def test_a_limit_of_nothing_has_no_percentage(small: str) -> None:
    (entry,) = told(small, "--fail-on", "buffers > 0")["budgets"]
    assert entry["comparisons"][0]["share"] is None
    run("check", small, "--fail-on", "buffers > 0")


def test_conditions_follow_the_conventions(small: str) -> None:
    """Batch, data type and changes are those of the options."""
    change = ("--batch", "2", "--dtype", "int8", "--set", "conv.out_channels=8")
    (entry,) = told(small, "--fail-on", "macs > 1M", *change)["budgets"]
    assert entry["comparisons"][0]["value"] == 2 * 2 * 1296
    assert "batch 2 · int8" in entry["under"]


def test_without_budgets_every_network_has_a_line(small: str) -> None:
    assert succeed("check", small, "lenet5") == f"{small}: fine, 2 layers\nlenet5: fine, 12 layers\n"
    assert json.loads(succeed("check", small, "--format", "json"))["budgets"] == []


def test_a_broken_network_does_not_hide_the_others(small: str, tmp_path: Path) -> None:
    """All that is wrong with any of them in one run; what could be judged is."""
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text(spec("konv"))
    second.write_text(spec("conv: {out_channels: 4, kernel_size: 99}"))
    result = run("check", str(first), small, str(second), "nosuch", "--fail-on", "params > 1")
    assert result.code == 2
    assert "FAILS" in result.out
    assert [word for word in ("'conv'", "b.yaml:5", "'nosuch'") if word not in result.err] == []


def test_what_cannot_be_stated_is_an_error(tmp_path: Path) -> None:
    """A network on rows has no receptive field that could be within a budget."""
    path = tmp_path / "rows.yaml"
    path.write_text(spec("linear: {out_features: 2}", head="input: [4]"))
    result = run("check", str(path), "--fail-on", "rf > 100")
    assert result.code == 2
    assert "receptive_field cannot be stated" in result.err


def test_all_wrong_conditions_are_told_at_once(small: str, tmp_path: Path) -> None:
    """Those of the options and those of the file; nothing is judged."""
    path = budgets(tmp_path, f"budgets:\n  - network: {small}\n    fail_on: ['params > 5q', macz > 3]\n")
    result = run("check", small, "--fail-on", "parms > 1", "--fail-on", "peak >", "--budgets", path)
    assert (result.code, result.out) == (2, "")
    places = re.findall(r"^(?:--fail-on|.*budgets\.yaml):(\d+):(\d+): ", result.err, re.MULTILINE)
    assert places == [("1", "1"), ("1", "7"), ("3", "26"), ("3", "30")]


FILE = """\
budgets:
  - network: small.yaml
    batch: 3
    dtype: float16
    input: [1, 10, 10]
    set: {conv.out_channels: 8, conv.stride: [2, 2]}
    fail_on:
      - macs > 1
      - "weights > 144B"
  - {network: lenet5, fail_on: params > 1M, mode: train, model: all}
"""


def test_a_file_of_budgets(small: str, tmp_path: Path) -> None:
    """Each network under its own conventions, paths from the file's folder; --fail-on holds for all of them."""
    found = told("--budgets", budgets(tmp_path, FILE), "--fail-on", "depth > 5", code=1)
    values = [entry["comparisons"][0]["value"] for entry in found["budgets"]]
    assert values[:3] == [3 * 8 * 9 * 4 * 4, 8 * 9 * 2, 1]
    assert [entry["fails"] for entry in found["budgets"]] == [True, False, False, False, False]
    assert [entry["batch"] for entry in found["networks"]] == [3, 1]
    assert found["networks"][1]["mode"] == "train"
    assert "Under" in run("check", "--budgets", budgets(tmp_path, FILE)).out


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", None, "is empty"),
        ("[]", "1:1", "under 'budgets:'"),
        ("budgets: {}", "1:10", "a list"),
        ("budgets: []", "1:10", "a list of 1 to"),
        ("budgets: [alexnet]", "1:11", "'network' and 'fail_on'"),
        ("budgets: [{network: lenet5, fail_on: params > 1}]\nbudget: 1", "2:1", "no 'budget'"),
        ("budgets: [{network: lenet5}]", "1:11", "'fail_on' is missing"),
        ("budgets: [{fail_on: params > 1}]", "1:11", "'network' is missing"),
        ("budgets: [{network: 3, fail_on: params > 1}]", "1:21", "a name or a path"),
        ("budgets: [{network: lenet5, fail_on: []}]", "1:38", "no conditions"),
        ("budgets: [{network: lenet5, fail_on: 5}]", "1:38", "a text such as"),
        ("budgets: [{network: lenet5, fail_on: 'parms > 1'}]", "1:39", "'params'"),
        ("budgets: [{network: lenet5, fail_on: params > 1, dtyp: int8}]", "1:50", "'dtype'"),
        ("budgets: [{network: lenet5, fail_on: params > 1, dtype: int9}]", "1:57", "'int8'"),
        ("budgets: [{network: lenet5, fail_on: params > 1, mode: 3}]", "1:56", "infer"),
        ("budgets: [{network: lenet5, fail_on: params > 1, batch: 0}]", "1:57", "from 1"),
        ("budgets: [{network: lenet5, fail_on: params > 1, batch: true}]", "1:57", "from 1"),
        ("budgets: [{network: lenet5, fail_on: params > 1, set: 5}]", "1:55", "a mapping"),
        ("budgets: [{network: lenet6, fail_on: params > 1}]", "1:21", "'lenet5'"),
        ("budgets: [{network: ./no.yaml, fail_on: params > 1}]", "1:21", "no file"),
        ("budgets: [{network: lenet5, fail_on: params > 1, input: 1x2}]", "", "conv1"),
        ("budgets: [{network: lenet5, fail_on: params > 1, input: big}]", "1:21", "'big' is not the shape"),
        ("budgets: [{network: lenet5, fail_on: params > 1, set: {vars.x: 1}}]", "", "'x'"),
        ("budgets: [", "", "not YAML"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, text: str, place: str | None, words: str) -> None:
    """Exit 2, the place in the file, what was expected."""
    result = run("check", "--budgets", budgets(tmp_path, text))
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    if place:
        assert f"budgets.yaml:{place}: " in result.err


def test_budgets_from_standard_input_and_from_nowhere(tmp_path: Path) -> None:
    assert told("--budgets", "-", stdin="budgets: [{network: lenet5, fail_on: params > 1M}]")["budgets"]
    assert "ends in .yaml" in run("check", "--budgets", str(tmp_path / "budgets.txt")).err
    assert "no file" in run("check", "--budgets", str(tmp_path / "budgets.yaml")).err


def decoded(text: str) -> str:
    """As GitHub's runner does: actions/runner, src/Runner.Common/ActionCommand.cs, UnescapeProperty."""
    for sign, code in ((":", "%3A"), (",", "%2C"), ("\n", "%0A"), ("\r", "%0D"), ("%", "%25")):
        text = text.replace(code, sign)
    return text


def annotations(text: str) -> list[tuple[dict[str, str], str]]:
    """The workflow commands in an output, their properties and messages decoded."""
    found = []
    for line in text.splitlines():
        match = re.fullmatch(r"::error ([^:]*)::(.*)", line)
        if match:
            pairs = (part.split("=", 1) for part in match[1].split(","))
            found.append(({key: decoded(value) for key, value in pairs}, decoded(match[2])))
    return found


def test_github_annotations_point_into_the_file_of_budgets(small: str, tmp_path: Path) -> None:
    """What fails is an annotation at its condition; what passes is a plain line."""
    folder = tmp_path / "a:b,c%d"
    folder.mkdir()
    (folder / "small.yaml").write_text(SMALL)
    conditions = "    fail_on:\n      - params > 30\n      - params > 40\n"
    path = budgets(folder, f"budgets:\n  - network: small.yaml\n{conditions}")
    result = run("check", "--budgets", path, "--format", "github")
    assert result.code == 1
    ((properties, message),) = annotations(result.out)
    assert properties["file"] == path
    assert (properties["line"], properties["col"]) == ("4", "9")
    assert message == "params > 30 fails: params is 36, over the limit by 6 (20.0%)"
    assert "a%3Ab%2Cc%25d" in result.out
    assert "(20.0%25)" in result.out
    assert len(result.out.splitlines()) == 2
    assert "params > 40 passes: params is 36, under the limit by 4 (10.0%)" in result.out


def test_github_annotations_of_options_and_of_broken_specs(small: str, tmp_path: Path) -> None:
    """A budget of the options is about the network's file; a network of the zoo has none."""
    broken = tmp_path / "broken.yaml"
    broken.write_text(spec("konv"))
    result = run("check", small, "lenet5", str(broken), "--fail-on", "params >= 36", "--format", "github")
    assert result.code == 2
    first, second, third = annotations(result.out)
    assert (first[0]["file"], first[0]["line"]) == (small, "1")
    assert "file" not in second[0]
    assert (third[0]["file"], third[0]["line"], third[0]["col"]) == (str(broken), "5", "5")
    assert third[1].splitlines() == ["there is no layer 'konv'", "did you mean 'conv'?"]


def test_junit_is_read_by_a_parser(small: str, tmp_path: Path) -> None:
    """One testcase a condition, failures and errors apart, whatever stands in names."""
    odd = tmp_path / "<odd> & 'quoted' \"\uffff.yaml"
    odd.write_text(SMALL)
    broken = tmp_path / "broken.yaml"
    broken.write_text(spec("konv"))
    arguments = (small, str(odd), str(broken), "--fail-on", "params > 30", "--fail-on", "params<=macs and params > 36")
    result = run("check", *arguments, "--format", "junit")
    assert result.code == 2
    report = junitparser.JUnitXml.fromstring(result.out.encode())
    assert (report.tests, report.failures, report.errors) == (5, 2, 1)
    suites = {suite.name: [*suite] for suite in report}
    assert [*suites] == [small, str(odd).replace("\uffff", "\N{REPLACEMENT CHARACTER}"), str(broken)]
    first, second = suites[small]
    assert (first.name, first.classname) == ("params > 30", small)
    assert isinstance(first.result[0], junitparser.Failure)
    assert first.result[0].message == "params > 30 fails: params is 36, over the limit by 6 (20.0%)"
    assert second.name == "params<=macs and params > 36"
    assert second.is_passed
    (error,) = suites[str(broken)]
    assert isinstance(error.result[0], junitparser.Error)


def test_junit_of_valid_networks_without_budgets(small: str, tmp_path: Path) -> None:
    """They are cases that pass; -o writes the report whole."""
    path = tmp_path / "report.xml"
    assert succeed("check", small, "lenet5", "--format", "junit", "-o", str(path)) == ""
    report = junitparser.JUnitXml.fromfile(str(path))
    assert (report.tests, report.failures, report.errors) == (2, 0, 0)


def test_csv_has_a_row_for_every_comparison(small: str) -> None:
    """Exact numbers, and the verdict of the condition they belong to."""
    result = run("check", small, "--fail-on", "params > 30 and weights < 1KiB", "--format", "csv")
    rows = reading.csv_rows(result.out)
    assert [(row["term"], row["value"], row["limit"], row["verdict"]) for row in rows] == [
        ("params > 30", "36", "30", "FAILS"),
        ("weights < 1KiB", "144", "1024", "FAILS"),
    ]


@given(st.text(max_size=30), st.text(max_size=30))
def test_github_escapes_come_back_as_they_were(message: str, name: str) -> None:
    """Printable text survives the way through the runner, whatever it is."""
    from archcalc.errors import printable
    from archcalc.render.ci import github
    from archcalc.views.budgets import Case

    def lines(text: str) -> str:
        return "\n".join(map(printable, text.split("\n")))

    (line,) = github([Case("net", "n", "fails", message, f"f{name}", 1)]).splitlines()
    match = re.fullmatch(r"::error file=([^:,]*),line=1,title=[^:,]*::(.*)", line)
    assert match is not None
    assert decoded(match[1]) == lines(f"f{name}")
    assert decoded(match[2]) == lines(message)
