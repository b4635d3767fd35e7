"""What every operator has to fulfil, tested on its samples. A new operator is tested by being in OPS."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from archcalc.forward.rules import RULES
from archcalc.numbers import Traced
from archcalc.ops import OPS
from archcalc.ops.base import NEUTRAL, Op, Shapes
from archcalc.ops.source import Input

from .cases import Refusal, Sample, each
from .facts import facts, leaves, on_arguments, on_sizes
from .samples import REFUSALS, SAMPLES

every_op = pytest.mark.parametrize("op_class", OPS.values(), ids=OPS)
every_sample = each(SAMPLES)


def with_sizes(inputs: Shapes, sizes: dict[int, int]) -> Shapes:
    return tuple(tuple(sizes[size] for size in shape) for shape in inputs)


@every_op
def test_has_samples(op_class: type[Op]) -> None:
    """Samples show it at work, and what it refuses if it can refuse anything."""
    assert any(type(sample.op) is op_class for sample in SAMPLES)
    assert any(type(refusal.op) is op_class for refusal in REFUSALS) == (op_class.check is not Op.check)


@every_op
def test_samples_use_every_argument(op_class: type[Op]) -> None:
    """Every argument has a value other than its default in some sample."""
    ops = [sample.op for sample in SAMPLES if type(sample.op) is op_class]
    unused = {
        field.name
        for field in msgspec.structs.fields(op_class)
        if all(getattr(op, field.name) == field.default for op in ops)
    }
    assert unused == set()


@every_op
def test_can_be_computed(op_class: type[Op]) -> None:
    """A rule leads to its kernel; an input is given and has none. What comes out, tests/forward compares."""
    assert (op_class.keyword in RULES) == (op_class is not Input)


@every_op
@pytest.mark.parametrize("fact", ["output", "weights", "work", "windows", "saves"])
def test_states_every_fact(op_class: type[Op], fact: str) -> None:
    """No fact has a default."""
    assert getattr(op_class, fact) is not getattr(Op, fact)


@every_op
def test_is_documented(op_class: type[Op]) -> None:
    """It has a docstring of its own, in sentences."""
    assert len(op_class.__dict__["__doc__"].split()) >= 5
    assert "." in op_class.__doc__


@each(SAMPLES)
def test_accepts(case: Sample) -> None:
    """Nothing is wrong with a sample, and as many inputs come as the operator takes."""
    assert list(case.op.check(case.inputs)) == []
    assert case.op.arity == len(case.inputs) or (case.op.arity is None and case.inputs)


@each(REFUSALS)
def test_refuses(case: Refusal) -> None:
    """The complaint says what is expected of it and blames an argument that exists, or none."""
    complaints = list(case.op.check(case.inputs))
    assert any(case.says in complaint.message for complaint in complaints), complaints
    assert {complaint.argument for complaint in complaints} <= {"", *case.op.__struct_fields__}


@every_sample
def test_integers_give_integers(case: Sample) -> None:
    """On ints, sizes are ints from 1, counts ints from 0, and windows come for each input and output axis."""
    stated = facts(case.op, case.inputs)
    weights = [size for weight in stated.weights for size in weight.shape]
    work = msgspec.structs.astuple(stated.work)
    windows = [window for reads in stated.windows for window in reads if hasattr(window, "stride")]
    geometry = [number for window in windows for number in msgspec.structs.astuple(window)]
    assert {type(number) for number in (*stated.output, *weights, *work, *geometry)} <= {int}
    assert all(size >= 1 for size in (*stated.output, *weights))
    assert all(count >= 0 for count in work)
    assert [len(reads) for reads in stated.windows] == [len(stated.output)] * len(case.inputs)
    assert set(stated.saves.inputs) <= set(range(len(case.inputs)))
    assert all(type(extra.count) is int and extra.count > 0 and extra.name for extra in stated.saves.extras)


@every_sample
def test_traced_numbers_agree(case: Sample) -> None:
    """Facts on traced sizes and arguments have the values that they have on ints."""
    assert list(map(untraced, leaves(traced_facts(case)))) == list(leaves(facts(case.op, case.inputs)))


@each(SAMPLES)
def test_explanations_compute_what_they_explain(case: Sample, evaluate: Callable[[str], int]) -> None:
    """Worked out as it is printed, every traced fact has its value."""
    for leaf in leaves(traced_facts(case)):
        if isinstance(leaf, Traced):
            assert evaluate(leaf.substituted) == leaf.value, leaf.substituted


def traced_facts(case: Sample) -> Any:
    inputs = on_sizes(case.inputs, lambda size: Traced(size, "size"))
    op = on_arguments(case.op, lambda name, value: Traced(value, name, quiet=NEUTRAL.get(name) == value))
    return facts(op, inputs)


def untraced(leaf: Any) -> Any:
    return leaf.value if isinstance(leaf, Traced) else leaf


@every_sample
def test_symbols_agree(case: Sample) -> None:
    """Facts on symbols for the sizes, with the numbers put in, are the facts on ints."""
    symbols = {n: sympy.Symbol(f"n{n}", integer=True, positive=True) for shape in case.inputs for n in shape}
    numbers = {symbol: sympy.Integer(size) for size, symbol in symbols.items()}
    closed = facts(case.op, on_sizes(case.inputs, symbols.__getitem__))
    put_in = [leaf.xreplace(numbers) if isinstance(leaf, sympy.Expr) else leaf for leaf in leaves(closed)]
    assert put_in == list(leaves(facts(case.op, case.inputs)))


@every_sample
def test_arrays_agree(case: Sample) -> None:
    """Facts on arrays of sizes are, element by element, the facts on ints."""
    variants = legal_variants(case)
    arrays = {size: np.array([variant[size] for variant in variants]) for size in variants[0]}
    at_once = list(leaves(facts(case.op, on_sizes(case.inputs, arrays.__getitem__))))
    for index, variant in enumerate(variants):
        one = leaves(facts(case.op, with_sizes(case.inputs, variant)))
        assert [leaf[index] if isinstance(leaf, np.ndarray) else leaf for leaf in at_once] == list(one)
    assert len(variants) > 1 or not case.inputs


def legal_variants(case: Sample) -> list[dict[int, int]]:
    """Other sizes that the operator takes, as what each size of the sample becomes; the sample itself comes first."""
    sizes = {size: size for shape in case.inputs for size in shape}
    larger = [sizes | {size: size + more} for size in sizes for more in range(1, 5)]
    scaled = [{size: size * factor for size in sizes} for factor in (2, 3)]
    turned = [dict(zip(sizes, [*sizes][1:] + [*sizes][:1], strict=True))]
    legal = [new for new in larger + scaled + turned if not list(case.op.check(with_sizes(case.inputs, new)))]
    return [sizes, *legal]


@every_op
@settings(max_examples=25)
@given(data=st.data())
def test_what_check_accepts_the_facts_can_answer(op_class: type[Op], data: st.DataObject) -> None:
    """On shapes of any rank `check` does not fail; where it is silent, all facts can be asked."""
    sample = data.draw(st.sampled_from([sample for sample in SAMPLES if type(sample.op) is op_class]))
    shape = st.lists(st.integers(1, 9), min_size=1, max_size=5).map(tuple)
    inputs = tuple(data.draw(st.just(given) | shape) for given in sample.inputs)
    if not list(sample.op.check(inputs)):
        test_integers_give_integers(Sample(sample.op, inputs))
        assert all(isinstance(note, str) for note in sample.op.notes(inputs))
