"""All analyses of one network under one set of conventions, each done when it is first asked for."""

from collections.abc import Mapping
from functools import cached_property

from archcalc.analysis.cost import Cost, count_operations
from archcalc.analysis.memory import DTYPES, MODELS, Memory, Model, measure_memory
from archcalc.analysis.params import Params, count_params
from archcalc.analysis.receptive_field import ReceptiveFields, receptive_fields
from archcalc.errors import Problem, UsageError, did_you_mean
from archcalc.infer import InferredGraph
from archcalc.network import StoredArray
from archcalc.spec.model import Spec


class Analysis:
    """A network with its conventions; the results are the frozen values of `archcalc.analysis`.

    Raises UsageError for a batch below 1, an unknown data type or an unknown memory model.
    """

    def __init__(
        self,
        spec: Spec,
        graph: InferredGraph,
        batch: int = 1,
        dtype: str = "float32",
        model: Model = "peak",
        training: bool = False,
        weights: Mapping[str, StoredArray] | None = None,
    ) -> None:
        if batch < 1:
            raise UsageError(Problem(f"a batch of {batch}", None, "a batch is 1 or more"))
        if dtype not in DTYPES:
            raise UsageError(Problem(f"there is no data type '{dtype}'", None, did_you_mean(dtype, DTYPES)))
        if model not in MODELS:
            raise UsageError(Problem(f"there is no memory model '{model}'", None, did_you_mean(model, MODELS)))
        self.spec = spec
        self.graph = graph
        self.batch = batch
        self.dtype = dtype
        self.model = model
        self.training = training
        self.weights = weights

    @cached_property
    def known(self) -> bool:
        """Whether every operator is ours: where one is not, totals are no more than a least."""
        return not self.graph.unknown

    @cached_property
    def params(self) -> Params:
        return count_params(self.graph)

    @cached_property
    def cost(self) -> Cost:
        return count_operations(self.graph, self.batch, self.training)

    @cached_property
    def memory(self) -> Memory:
        return measure_memory(self.graph, self.model, self.batch, self.dtype, self.params)

    @cached_property
    def fields(self) -> ReceptiveFields:
        return receptive_fields(self.graph)
