"""A network held against itself: what the analyses say of each layer, and what its kernels do.

The reference runs once under instruments (`instruments`), on a random sample and with random weights:

- shapes are those of the arrays that come out;
- MACs are counted at every product, by the shapes of its operands;
- memory is what outputs take, each an array of its own, from when they are made until nothing holds them any more, and
  until they are last read: both have to be what is predicted as alive while a layer runs. At the peak numpy's own
  allocator is asked, too. What kernels need for themselves is gone by then and no part of the claim.

Receptive fields are observed in runs of their own, behind curtains of NaN (`sight`).
"""

from collections.abc import Callable, Collection, Mapping
from itertools import accumulate
from math import sqrt

import numpy as np
from threadpoolctl import threadpool_limits

from archcalc.analysis.cost import count_operations
from archcalc.analysis.memory import DTYPES, measure_memory
from archcalc.forward.claims import KINDS, Claim, Kind, LayerProof, Proof
from archcalc.forward.curtains import FAILURES, failure, work_of
from archcalc.forward.draws import uniform
from archcalc.forward.fit import own_weights
from archcalc.forward.instruments import Sighting, Watch, tracing
from archcalc.forward.kernels import Array
from archcalc.forward.reference import run_reference
from archcalc.forward.sight import prove_fields
from archcalc.forward.weights import random_weights
from archcalc.infer import InferredGraph
from archcalc.network import Network, load
from archcalc.numbers import grouped, product
from archcalc.ops.source import Input

Tell = Callable[[float], None]
"""Told again and again how much of the whole is done, from 0 to 1."""

_WATCHED = 0.1  # of the time, where receptive fields are observed too


def prove(
    network: InferredGraph | Network | str,
    kinds: Collection[Kind] = KINDS,
    seed: int = 0,
    tell: Tell = lambda share: None,
) -> Proof:
    """Run a network, or one by name or path, and hold each claim about each layer against what is observed.

    `kinds` are `shape`, `macs`, `rf` and `memory`. One sample is drawn from the seed, and so are the weights, where a
    model file has none of its own. What disagrees is part of the result and raises nothing; for a network that cannot
    be found or read, ArchcalcError is raised.
    """
    network = load(network) if isinstance(network, str) else network
    if isinstance(network, Network):
        network.graph.need_known()
    own = own_weights(network) if isinstance(network, Network) else None
    network = network.graph if isinstance(network, Network) else network
    asked = tuple(kind for kind in KINDS if kind in kinds)
    # Arrays that a file makes anew each time would be taken for a layer's.
    weights = random_weights(network, seed) if own is None else dict(own)
    watched = _WATCHED if "rf" in asked else 1.0
    fields = None
    # Most products are small: threads of their own would gain little, and on a busy machine wait for each other.
    with threadpool_limits(1, user_api="blas"):
        bench = _Bench(network, weights, seed, lambda share: tell(watched * share))
        if "rf" in asked:
            fields = prove_fields(network, weights, seed, lambda share: tell(watched + (1 - watched) * share))
    layers = []
    for position, node in enumerate(network.nodes):
        if not isinstance(node.op, Input):
            found = bench.claims(position)
            if fields is not None:
                found["rf"] = fields.claims[position]
            claims = {kind: found[kind] for kind in asked if kind in found}
            layers.append(LayerProof(node.name, node.op.keyword, claims))
    strips = () if fields is None else fields.strips
    return Proof(network.name, network.input_shape, seed, asked, tuple(layers), bench.totals(asked), strips)


class _Bench:
    """One run under instruments, and what it says to each claim."""

    def __init__(self, network: InferredGraph, weights: Mapping[str, Array], seed: int, tell: Tell) -> None:
        self._network = network
        self._cost, self._memory = count_operations(network), measure_memory(network)
        self._failure: tuple[int, str] | None = None
        whole, done, position = sum(work_of(network, i, 1) for i in range(len(network.nodes))), 0.0, -1
        with tracing() as allocator, np.errstate(all="ignore"):
            samples = [
                uniform((1, *shape), sqrt(3), seed, f"samples.{node.name}")
                for node, shape in zip(network.nodes, network.shapes, strict=True)
                if isinstance(node.op, Input)
            ]
            self._watch = Watch(network, samples, allocator)
            run = run_reference(network, weights, samples, rules=self._watch.rules())
            del samples  # they are the run's now, which lets go of them
            try:
                for position, output in run:
                    del output
                    done += work_of(network, position, 1)
                    tell(done / whole)
            except FAILURES as error:
                self._failure = position + 1, failure(error)
        self._needed = self._read_later()

    def claims(self, position: int) -> dict[Kind, Claim]:
        """The claims about a layer; none about MACs where there are none and none were seen."""
        shape, macs = self._network.shapes[position], self._cost.layers[position].macs
        alive = self._memory.layers[position].alive_bytes
        seen = self._watch.sightings.get(position)
        if seen is None:
            unseen = self._unseen(position)
            found: dict[Kind, Claim] = {"shape": Claim(shape, None, *unseen), "memory": Claim(alive, None, *unseen)}
            return {**found, "macs": Claim(macs, None, *unseen)} if macs else found
        found = {"shape": Claim(shape, seen.shape, shape == seen.shape), "memory": self._alive(alive, position, seen)}
        if macs or seen.macs or seen.unknown:
            unknown = f"{', '.join(seen.unknown)} may make products that are not counted" if seen.unknown else ""
            found["macs"] = Claim(macs, seen.macs, macs == seen.macs and not seen.unknown, unknown)
        return found

    def _unseen(self, position: int) -> tuple[bool | None, str]:
        """Whether it is against a layer that nothing was seen of it, and why that is so."""
        stopped, reason = self._failure or (len(self._network.nodes), "")
        if position == stopped:
            return False, reason
        return None, f"not reached: {self._network.nodes[stopped].name} cannot be computed"

    def _alive(self, predicted: int, position: int, seen: Sighting) -> Claim:
        needed = seen.held if self._failure else self._needed[position]  # what is read later is not known of half a run
        remark = "" if needed == seen.held else f"{grouped(seen.held)} bytes are held, {grouped(needed)} are still read"
        observed = seen.held if seen.held != predicted else needed
        return Claim(predicted, observed, predicted == observed, remark)

    def _read_later(self) -> list[int]:
        """For each node the bytes of its own output and of all before it that it or a later one reads."""
        network, seen = self._network, self._watch.sightings
        sizes = [
            seen[i].size if i in seen else product(shape) * DTYPES["float32"] if isinstance(node.op, Input) else 0
            for i, (node, shape) in enumerate(zip(network.nodes, network.shapes, strict=True))
        ]
        last = list(range(len(sizes)))
        for position, sighting in seen.items():
            for producer in sighting.read:
                last[producer] = max(last[producer], position)
        changes = [0] * (len(sizes) + 2)
        for position, size in enumerate(sizes):
            changes[position] += size
            changes[last[position] + 1] -= size
        return list(accumulate(changes))

    def totals(self, asked: Collection[Kind]) -> dict[str, Claim]:
        """The claims about the whole network."""
        found: dict[str, Claim] = {}
        sightings = self._watch.sightings
        if "macs" in asked:
            found["macs"] = self._total(self._cost.macs, sum(seen.macs for seen in sightings.values()))
        if "memory" in asked:
            peak = max(sightings, key=lambda i: sightings[i].held, default=0)
            found["peak"] = self._total(self._memory.peak_bytes, self._watch.most)
            found["peak_layer"] = self._total(self._memory.peak_layer, self._network.nodes[peak].name)
            found["allocated"] = self._total(self._memory.peak_bytes, self._watch.allocated)
        return found

    def _total(self, predicted: int | str, observed: int | str) -> Claim:
        if self._failure is not None:
            return Claim(predicted, None, *self._unseen(len(self._network.nodes)))
        return Claim(predicted, observed, predicted == observed)
