"""Every network of the zoo held against itself: shapes, MACs, receptive fields and memory, as `archcalc prove` does.

    python benchmarks/proofs.py [--below GMACS] [NET…]

Each at its own input, the smallest first. A column says how many of the claims about layers agree, and how many could
not be observed; what disagrees is told below the network's line, and makes the exit code 1.
"""

import argparse
import sys
import time

from archcalc.analysis.cost import count_operations
from archcalc.forward.claims import KINDS, Count, Proof
from archcalc.forward.proof import prove
from archcalc.network import load
from archcalc.spec import zoo


def counted(count: Count) -> str:
    unobserved = f" +{count.unobserved}?" if count.unobserved else ""
    return f"{count.agree}/{count.agree + count.disagree}{unobserved}"


def against(proof: Proof) -> list[str]:
    """What disagrees, a line each."""
    claims = [(layer.name, kind, claim) for layer in proof.layers for kind, claim in layer.claims.items()]
    claims += [("the whole", name, claim) for name, claim in proof.totals.items()]  # type: ignore[list-item]
    return [
        f"    {name}, {kind}: predicted {claim.predicted}, observed {claim.observed} {claim.remark}"
        for name, kind, claim in claims
        if claim.agrees is False
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--below", type=float, default=float("inf"), metavar="GMACS", help="only networks of fewer")
    parser.add_argument("networks", nargs="*", metavar="NET")
    given = parser.parse_args()
    networks = [(name, load(name).graph) for name in given.networks or zoo.names()]
    costs = {name: count_operations(network).macs for name, network in networks}
    chosen = [pair for pair in sorted(networks, key=lambda pair: costs[pair[0]]) if costs[pair[0]] < given.below * 1e9]
    print(f"{'network':<24} {'GMACs':>7} " + " ".join(f"{kind:>10}" for kind in KINDS) + f" {'s':>7}")
    proven, disagreeing, start = 0, 0, time.perf_counter()
    for name, network in chosen:
        began = time.perf_counter()
        proof = prove(network)
        counts = [proof.count(kind) for kind in KINDS]
        cells = " ".join(f"{counted(count):>10}" for count in counts)
        print(f"{name:<24} {costs[name] / 1e9:>7.3f} {cells} {time.perf_counter() - began:>7.1f}", flush=True)
        lines = against(proof)
        print(*lines[:10], sep="\n", end="\n" if lines else "", flush=True)
        proven += sum(count.agree for count in counts) + sum(bool(claim.agrees) for claim in proof.totals.values())
        disagreeing += len(lines)
    seconds = time.perf_counter() - start
    print(f"{len(chosen)} networks, {proven:,} claims proven, {disagreeing:,} disagree, {seconds:.0f} s")
    return 1 if disagreeing else 0


if __name__ == "__main__":
    sys.exit(main())
