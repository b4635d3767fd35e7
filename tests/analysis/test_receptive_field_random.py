"""Receptive fields of random networks against brute force."""

from hypothesis import event, given, settings

from archcalc.analysis.receptive_field import Field
from archcalc.infer import InferredGraph
from archcalc.ops.base import Gap

from .measured import Experiment
from .strategies import networks

# What cannot be stated, and why. Anything else that is not a field is a defect.
EXCUSES = ("ways of different strides meet", "its pattern repeats only every")


@given(networks())
@settings(max_examples=250)
def test_fields_of_random_networks(network: InferredGraph) -> None:
    """Every unit that reads nothing from beyond a map sees exactly what is said; those at the edge see no more."""
    experiment = Experiment(network)
    tested = experiment.check_fields()
    event(f"layers with interior units: {sum(count > 0 for count in tested.values())} of {len(network.nodes)}")
    for layer in experiment.fields.layers:
        assert all(isinstance(s, Field) or (isinstance(s, Gap) and s.reason.startswith(EXCUSES)) for s in layer.axes)


@given(networks())
@settings(max_examples=250)
def test_misaligned_merges_of_random_networks(network: InferredGraph) -> None:
    """A merge is reported just if its ways look at different places on average."""
    experiment = Experiment(network)
    experiment.check_merges()
    event(f"misaligned merges: {min(len(experiment.fields.misaligned), 3)}")
