"""How much memory a run takes, as predicted and as measured, and how much there is."""

import os
import sys
from collections.abc import Collection, Iterator

from archcalc.analysis.memory import Memory, measure_memory
from archcalc.forward.report import Algorithm, Execution, Footprint
from archcalc.infer import InferredGraph
from archcalc.numbers import product
from archcalc.ops.base import Weight, Window

_VALUE = 4  # bytes of float32
_LAID_OUT = 16 << 20  # bytes of windows that are laid out at once
_WORKED_OUT = {"gelu": 11, "erf": 10}
"""Keyword → how many arrays as large as its output a kernel has in hand: the error function is computed in float64."""


def predict_footprint(
    network: InferredGraph,
    batch: int = 1,
    execution: Execution = "fast",
    threads: int = 1,
    algorithm: Algorithm | None = None,
    keep: Collection[str] = (),
) -> Footprint:
    """About the most that a run takes in float32, from shapes alone.

    - weights: parameters and buffers;
    - rearranged, by the fast execution: every matrix that multiplies more than one row a sample, once more; kernels of
      3×3 at stride 1 four times as large, in the 36 points of Winograd's F(4×4, 3×3), and the largest of them for a
      while in float64 besides;
    - activations: the peak of `analysis.memory`, the samples as they came, and what is kept, where it was computed and
      as it is handed out. The reference computes a layer whole: its inputs once more, padded, and its output, before
      the bias;
    - scratch: the windows of a convolution laid out for a matrix product, 16 MiB at once for each thread at most; in
      the reference what a GELU is computed in, if that is more.
    """
    memory = measure_memory(network, "peak", batch)
    bytes_of = {node.name: layer.bytes for node, layer in zip(network.nodes, memory.layers, strict=True)}
    handed_over = sum(bytes_of[node.name] for node in network.nodes if node.op.keyword == "input")
    handed_over += 2 * sum(bytes_of[name] for name in keep)
    windows = min(_LAID_OUT, max(batch * _window_bytes(network, i) for i in range(len(network.nodes))))
    if execution == "reference":
        worked_out = max(_WORKED_OUT.get(node.op.keyword, 0) * bytes_of[node.name] for node in network.nodes)
        activations = _whole_layers(network, memory) + handed_over
        return Footprint(memory.weight_bytes, 0, activations, max(2 * windows, worked_out))
    stored, squares = list[int](), [0]
    for position, weight in _matrices(network):
        slides = algorithm in (None, "winograd") and _slides(network, position, weight)
        (squares if slides else stored).append(_VALUE * weight.count)
    rearranged = sum(stored) + 4 * sum(squares) + 8 * max(squares)
    return Footprint(memory.weight_bytes, rearranged, memory.peak_bytes + handed_over, threads * windows)


def _matrices(network: InferredGraph) -> Iterator[tuple[int, Weight]]:
    """What is stored and multiplies more than one row a sample, with the position of its node."""
    for position, node in enumerate(network.nodes):
        if node.shares is None and node.inputs and len(network.shapes[position]) > 1:
            yield from ((position, weight) for weight in network.weights(position) if len(weight.shape) > 1)


def _slides(network: InferredGraph, position: int, weight: Weight) -> bool:
    """Whether a matrix holds kernels of 3×3 that move on by one pixel, over several channels each."""
    axes = [window for window in network.windows(position)[0] if isinstance(window, Window)]
    return weight.shape[2:] == (3, 3) and weight.shape[1] > 1 and all(axis.stride == 1 for axis in axes)


def _window_bytes(network: InferredGraph, position: int) -> int:
    """Bytes of all windows of a convolution on one sample; 0 for other layers."""
    node = network.nodes[position]
    taps = max((product(weight.shape[2:]) for weight in network.weights(position) if len(weight.shape) > 2), default=0)
    if not node.inputs or taps < 2:
        return 0
    return _VALUE * taps * network.inputs(node)[0][0] * product(network.shapes[position][1:])


def _whole_layers(network: InferredGraph, memory: Memory) -> int:
    """The most that is alive while the reference computes a layer."""
    return max(
        layer.alive_bytes + layer.bytes + sum(memory.layers[producer].bytes for producer in node.inputs)
        for node, layer in zip(network.nodes, memory.layers, strict=True)
    )


def available_memory(root: str = "/") -> int | None:
    """Bytes that can be had without swapping: what the system has, or what is left below the limits of our cgroups.

    None where nobody says: on systems without /proc/meminfo. `root` is where the file system begins.
    """
    free = [_kilobytes(os.path.join(root, "proc/meminfo"), "MemAvailable:"), *_left_in_groups(root)]
    known = [size for size in free if size is not None]
    return min(known, default=None)


def _left_in_groups(root: str) -> Iterator[int]:
    """What is left in each group of processes that we are in, by cgroups of both versions: the limit of a group counts
    for all below it. Cached files count as used there, and are given up when memory is needed.
    """
    for line in _lines(os.path.join(root, "proc/self/cgroup")):
        number, controllers, path = (*line.strip().split(":", 2), "", "")[:3]
        if number == "0":
            base, limit, used, cached = "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            base, limit, used = "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            cached = "total_inactive_file"
        else:
            continue
        parts = [part for part in path.split("/") if part]
        for depth in range(len(parts) + 1):
            group = os.path.join(root, base, *parts[:depth])
            most, now = (_number(os.path.join(group, name)) for name in (limit, used))
            if most is not None and now is not None:
                yield max(0, most - now + (_field(os.path.join(group, "memory.stat"), cached) or 0))


def most_taken() -> int | None:
    """The most memory that this process ever held, in bytes; None on systems that do not tell.

    /proc/self/status, where it is there: what `getrusage` tells includes a parent that started us.
    """
    peak = _kilobytes("/proc/self/status", "VmHWM:")
    if peak is not None:
        return peak
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def taken_now() -> int | None:
    """What this process holds, in bytes; None on systems that do not tell."""
    return _kilobytes("/proc/self/status", "VmRSS:")


def _lines(path: str) -> list[str]:
    """The lines of a file; none where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readlines()
    except OSError:
        return []


def _field(path: str, name: str) -> int | None:
    """The number behind a word at the beginning of a line."""
    return next((int(line.split()[1]) for line in _lines(path) if line.split()[:1] == [name]), None)


def _kilobytes(path: str, name: str) -> int | None:
    found = _field(path, name)
    return None if found is None else found * 1024


def _number(path: str) -> int | None:
    """The number that a file holds; none where it holds a word, as `max`."""
    text = "".join(_lines(path)).strip()
    return int(text) if text.isdecimal() else None
