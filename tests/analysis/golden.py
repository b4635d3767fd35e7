"""The numbers of tests/reference_data, whose README says where each comes from."""

import json
from pathlib import Path
from typing import Any, NamedTuple

_FOLDER = Path(__file__).parent.parent / "reference_data"

# Names under which torchvision's measurements stand where our zoo has another; those with training heads are not ours.
_MEASURED_AS = {
    "alexnet_torchvision": "alexnet",
    "googlenet_torchvision": "googlenet_noaux",
    "inception_v3": "inception_v3_noaux",
}
# Names of the zoo that mean another network in torchvision.
_HOMONYMS = ("alexnet", "googlenet")


class Totals(NamedTuple):
    """What one source says about a whole network; hardly any says everything."""

    source: str
    params: int | None
    macs: int | None
    buffers: int | None = None


class Module(NamedTuple):
    """A leaf module of torchvision; the geometry is given where it has any."""

    path: str
    type: str
    output_shape: list[int]
    params: int
    buffers: int
    macs: int
    kernel: list[int] | None = None
    stride: list[int] | None = None
    padding: list[int] | None = None


class Row(NamedTuple):
    """A row of a layer table: `op` as in `conv3x3/1`; a field where one is given."""

    name: str
    op: str
    output_shape: list[int]
    weights: int
    biases: int
    macs: int
    size: int | None = None
    stride: int | None = None
    padding: int | None = None


class Endpoint(NamedTuple):
    """A row of google-research's table."""

    model: str
    name: str
    size: int
    stride: int
    padding: int


def _read(name: str) -> Any:
    return json.loads((_FOLDER / name).read_text(encoding="utf-8"))


NETWORKS: dict[str, Any] = _read("architectures.json")["networks"]
# What came with the rest of the zoo: each entry names its own source.
ZOO: dict[str, Any] = {**_read("zoo_lecture.json")["networks"], **_read("zoo_beyond.json")["networks"]}

FIELDS: dict[str, tuple[int | None, ...]] = {
    **{name: tuple(entry["rf"]) for name, entry in ZOO.items() if "rf" in entry},
    **{name: tuple(entry["field"]) for name, entry in NETWORKS.items() if "field" in entry},
}
"""Size, stride and padding of the last layer before everything is global; None where a source does not say."""
ACTIVATIONS: dict[str, int] = {
    name: entry["activations"]
    for section in (ZOO, NETWORKS)
    for name, entry in section.items()
    if "activations" in entry
}


def totals(network: str) -> list[Totals]:
    """What each source says about a network of the zoo."""
    sections = _read("totals.json")
    found = []
    for section in ("torchvision", "timm", "arithmetic"):
        name = network if section == "arithmetic" else _MEASURED_AS.get(network, network)
        if name in sections[section]["networks"] and (section == "arithmetic" or network not in _HOMONYMS):
            numbers = sections[section]["networks"][name]
            source = f"totals.json, {section}, {name}"
            found.append(Totals(source, numbers["params"], numbers["macs"], numbers.get("buffers")))
    if network in NETWORKS:
        numbers = NETWORKS[network]
        source = f"architectures.json, section {numbers['section']}"
        found.append(Totals(source, numbers["params"], numbers["macs"], numbers["buffers"]))
    if network in ZOO:
        numbers = ZOO[network]
        found.append(Totals(numbers["source"], numbers.get("params"), numbers.get("macs"), numbers.get("buffers")))
    return found


def modules(name: str) -> list[Module]:
    """torchvision's modules of a network, in execution order."""
    return [Module(*row) for row in _read(f"per_layer/{name}.json")["layers"]]


def table(network: str) -> list[Row]:
    """The layer table of a network of the zoo."""
    return [Row(*row) for row in _read("architectures.json")["tables"][network]["rows"]]


def endpoints(model: str) -> list[Endpoint]:
    """google-research's endpoints of a model."""
    rows = [Endpoint(*row) for row in _read("receptive_fields.json")["rows"]]
    return [row for row in rows if row.model == model]
