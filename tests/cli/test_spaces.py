"""Design spaces on the command line: members by name, and the list of what they range over."""

import json

import pytest

from archcalc.spec.zoo import spaces

from .running import run, succeed

SPACES = spaces()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("spaces/regnet", ["d=3", "squeeze=0.25"]),
        ("spaces/vgg", ["width=8", "hidden=256", "batchnorm=true"]),
        ("spaces/resnet", ["block=basic", "width=0.25", "depths=[1,1]"]),
        ("spaces/mobilenet", ["width=0.2", "depths=[1,1,1]"]),
    ],
)
def test_members_are_summed_up_and_run(name: str, change: list[str]) -> None:
    """`summary`, `run` and `prove` know them by name."""
    changes = [word for one in (*change, "classes=10", "resolution=32") for word in ("--set", f"vars.{one}")]
    assert "10" in succeed("summary", name, *changes)
    assert run("run", name, *changes, "--weights", "random:1").code == 0
    assert "none disagrees" in succeed("prove", name, *changes)


def test_unknown_spaces_are_told_with_the_nearest() -> None:
    """Neither a path out of the folder nor one into it is a name."""
    assert "'spaces/regnet'" in run("summary", "spaces/regnt").err
    assert run("summary", "spaces/../alexnet").code == 2
    assert "no file" in run("summary", "spaces/regnt.yaml").err


def test_list_shows_spaces_apart() -> None:
    """They are no networks of the zoo; --spaces tells what they range over."""
    assert [name for name in SPACES if name in succeed("list", "--names").split()] == []
    shown = succeed("list", "--spaces")
    assert [name for name in SPACES if name not in shown] == []
    assert "8:256:8" in shown
    told = json.loads(succeed("list", "--spaces", "--format", "json"))
    assert {entry["name"] for entry in told["spaces"]} == {*SPACES}
    assert succeed("list", "--spaces", "--names").split() == SPACES
