"""ONNX's own suite of operators over our backend, by families: how many cases pass, and which are left out and why.

    python benchmarks/onnx_suite.py [FAMILY…]

The cases lie in the package onnx (`onnx.backend.test`): one operator each, some also written out in simpler ones, and
small models that torch once exported. Cases that fail though they are not listed are printed, and make the exit 1.
"""

import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnx.backend.test
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.runner import Runner

from archcalc.errors import UsageError
from archcalc.formats import onnx_backend

# fmt: off
FAMILIES = [
    "Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool",
    "BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization", "LRN", "Gemm",
    "MatMul", "Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "ThresholdedRelu", "Sigmoid", "HardSigmoid",
    "HardSwish", "Mish", "Gelu", "Softplus", "Softsign", "Tanh", "Softmax", "LogSoftmax", "Clip", "Add", "Sub", "Mul",
    "Div", "Sum", "Mean", "Max", "Min", "Concat", "Split", "Slice", "Pad", "Flatten", "Reshape", "Squeeze",
    "Unsqueeze", "Transpose", "Resize", "DepthToSpace", "SpaceToDepth", "Dropout", "Identity", "Constant",
    "ConstantOfShape", "Shape", "Gather", "Expand", "ReduceMean", "ReduceSum", "ReduceMax", "Cast", "Exp", "Log",
    "Sqrt", "Erf", "Pow",
]
# fmt: on
"""What convolutional networks are made of, as exporters write it."""

MODELS = ("pytorch-converted", "pytorch-operator", "simple")
"""Folders of small models; of `simple` those that consist of the families' operators."""

TRAINING = "training: which values fall out depends on random numbers; networks are exported for inference"
BLOCK_SCALES = "float8e8m0 holds the scales of blocks of quantised weights; no layer computes with it"

LISTED = {
    "test_training_dropout": TRAINING,
    "test_training_dropout_default": TRAINING,
    "test_training_dropout_default_mask": TRAINING,
    "test_training_dropout_mask": TRAINING,
    "test_cast_e8m0_FLOAT_to_FLOAT8E8M0": BLOCK_SCALES,
    "test_cast_e8m0_FLOAT16_to_FLOAT8E8M0": BLOCK_SCALES,
}
"""Case → why it is left out. A listed case that passes is a failure of the list."""


class Case(NamedTuple):
    """A model with inputs and outputs, and how near they must come."""

    family: str
    name: str
    model: onnx.ModelProto
    data: list[tuple[list[Any], list[Any]]]
    rtol: float
    atol: float


class Outcome(NamedTuple):
    case: Case
    error: str
    """What went wrong; nothing where all outputs are near enough."""
    seconds: float


def cases() -> list[Case]:
    """All cases of the families: operators first, then models."""
    return [*_operators(), *_models()]


def run(case: Case) -> Outcome:
    """A case over the backend; outputs are compared by ONNX's own runner."""
    start, error = time.perf_counter(), ""
    try:
        prepared = onnx_backend.prepare(case.model)
        for inputs, expected in case.data:
            outputs = prepared.run([_array(value) for value in inputs])
            Runner.assert_similar_outputs([_array(value) for value in expected], list(outputs), case.rtol, case.atol)
    except (UsageError, AssertionError) as problem:
        error = str(problem)
    return Outcome(case, error, time.perf_counter() - start)


def counts(outcomes: list[Outcome]) -> dict[str, tuple[int, int, int]]:
    """Family → passed, in family, listed."""
    result: dict[str, tuple[int, int, int]] = {}
    for outcome in outcomes:
        passed, whole, listed = result.get(outcome.case.family, (0, 0, 0))
        result[outcome.case.family] = (
            passed + (not outcome.error),
            whole + 1,
            listed + (outcome.case.name in LISTED),
        )
    return result


def table(outcomes: list[Outcome]) -> list[str]:
    """The counts as lines of Markdown, the sum last."""
    rows = counts(outcomes)
    whole = tuple(sum(column) for column in zip(*rows.values(), strict=True))
    lines = ["| Family | Passed | In family | Listed |", "|---|--:|--:|--:|"]
    return lines + [f"| {name} | {' | '.join(map(str, row))} |" for name, row in [*rows.items(), ("all", whole)]]


def listed() -> list[str]:
    """The cases that are left out, by reason, as lines of Markdown."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in LISTED.items():
        by_reason.setdefault(reason, []).append(f"`{name}`")
    return [f"- {', '.join(names)}: {reason}." for reason, names in by_reason.items()]


def _operators() -> Iterator[Case]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what numpy says of the infinities in some cases
        found = collect_testcases(None)
    single = {case.name: case.model.graph.node[0].op_type for case in found if len(case.model.graph.node) == 1}
    by_family: dict[str, list[Case]] = {family: [] for family in FAMILIES}
    for case in found:
        # `…_expanded` is the case before it, written out in simpler operators.
        family = single.get(case.name.partition("_expanded")[0], "")
        if family in by_family:
            by_family[family].append(Case(family, case.name, case.model, case.data_sets, case.rtol, case.atol))
    return (case for group in by_family.values() for case in group)


def _models() -> Iterator[Case]:
    data = Path(onnx.backend.test.__file__).parent / "data"
    for folder in MODELS:
        for path in sorted(data.glob(f"{folder}/*/model.onnx")):
            model = onnx.load(path)
            if folder != "simple" or all(node.op_type in FAMILIES for node in model.graph.node):
                sets = [_data(model, place) for place in sorted(path.parent.glob("test_data_set_*"))]
                yield Case(folder, path.parent.name, model, sets, 1e-3, 1e-7)


def _data(model: onnx.ModelProto, folder: Path) -> tuple[list[Any], list[Any]]:
    inputs, outputs = (
        [onnx.load_tensor(folder / f"{kind}_{place}.pb") for place in range(len(list(folder.glob(f"{kind}_*.pb"))))]
        for kind in ("input", "output")
    )
    return inputs, outputs


def _array(value: Any) -> Any:
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def main() -> None:
    wanted = sys.argv[1:]
    outcomes = [run(case) for case in cases() if not wanted or case.family in wanted]
    print(f"onnx {onnx.__version__}, numpy {np.__version__}\n")
    print("\n".join([*table(outcomes), "", *listed()]))
    slowest = max(outcomes, key=lambda outcome: outcome.seconds)
    print(f"\nslowest: {slowest.case.name}, {slowest.seconds * 1e3:.0f} ms")
    failed = [outcome for outcome in outcomes if bool(outcome.error) != (outcome.case.name in LISTED)]
    for outcome in failed:
        print(f"{outcome.case.name}: {outcome.error or 'is listed, and passes'}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
