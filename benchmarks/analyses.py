"""How long text → all analyses takes in one process, for the zoo and for generated chains.

    python benchmarks/analyses.py

Times are given per layer too: that number must not grow with the length of the chain. The unit beside them is a loop of
a thousand additions on the same machine in the same run.
"""

import statistics
import time
import timeit

import archcalc


def chain(layers: int) -> str:
    """A flat spec of convolutions and activations, every layer written out."""
    pair = "  - conv: {out_channels: 16, kernel_size: 3, padding: 1}\n  - relu\n"
    return "archcalc: 1\nname: chain\ninput: [3, 64, 64]\nlayers:\n" + pair * (layers // 2)


def dense(layers: int) -> str:
    """A chain in which every second layer joins all that went before: the merges of a DenseNet."""
    body = "      - concat: [[], [conv: {out_channels: 8, kernel_size: 3, padding: 1}]]\n"
    return f"archcalc: 1\nname: dense\ninput: [3, 64, 64]\nlayers:\n  - repeat: {layers // 2}\n    layers:\n{body}"


def analyse(network: archcalc.Network) -> int:
    """Every analysis once; the number of layers."""
    analysis = archcalc.analyse(network)
    return len((analysis.params, analysis.cost, analysis.memory, analysis.fields)) and len(network.graph.nodes)


def timed(text: str, repeats: int) -> tuple[float, int]:
    """The median of the seconds that text → all analyses takes, and the number of layers."""
    seconds, layers = [], 0
    for _ in range(repeats):
        start = time.perf_counter()
        layers = analyse(archcalc.loads(text))
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), layers


def main() -> None:
    unit = min(timeit.repeat("for i in range(1000): i + i", number=100, repeat=5)) / 100
    print(f"a loop of 1000 additions: {unit * 1e6:.1f} µs")
    print(f"{'network':<24} {'layers':>7} {'ms':>9} {'µs/layer':>9} {'loops/layer':>12}")
    cases = [(f"chain of {n}", chain(n), max(1, 5000 // n)) for n in (500, 5_000, 50_000, 100_000)]
    cases += [(f"dense of {n}", dense(n), max(1, 5000 // n)) for n in (500, 5_000)]
    for name, text, repeats in cases:
        seconds, layers = timed(text, repeats)
        print_row(name, layers, seconds, unit)
    for name in ("vgg16", "resnet50", "densenet121", "googlenet"):
        start = time.perf_counter()
        layers = analyse(archcalc.load(name))
        print_row(name, layers, time.perf_counter() - start, unit)


def print_row(name: str, layers: int, seconds: float, unit: float) -> None:
    each = seconds / layers
    print(f"{name:<24} {layers:>7} {seconds * 1000:>9.1f} {each * 1e6:>9.1f} {each / unit:>12.2f}")


if __name__ == "__main__":
    main()
