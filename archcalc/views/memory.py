"""Memory of training and of arenas, step by step → tables."""

from collections.abc import Sequence
from typing import Any

from archcalc.analysis.timeline import Timeline
from archcalc.analysis.training import TrainingMemory
from archcalc.analysis.whole import Analysis
from archcalc.space.fitting import Arena, Fit
from archcalc.views.columns import unknown_note
from archcalc.views.layers import conventions
from archcalc.views.table import Cell, Column, Fact, Row, Table

_PARTS = (
    Column("part", ""),
    Column("bytes", "Bytes", "bytes"),
    Column("bar", "", "bar", 2),
    Column("remark", "", "prose", 1),
)
_STEPS = (
    Column("step", "Step"),
    Column("alive", "Alive", "bytes"),
    Column("bar", "", "bar"),
    Column("largest", "Largest tensors", "prose", 1),
)
_MOST_SHOWN = 8


def training_table(analysis: Analysis, found: TrainingMemory, batch: int | None, limit: int | None) -> Table:
    """What a training step takes, part by part, and the tensors that make the peak."""
    timeline = found.timeline
    step = timeline.steps.index(found.peak_step)
    parts: list[tuple[str, int, str]] = [("weights", found.weight_bytes, "params and buffers")]
    if found.mixed:
        parts.append(("half-precision copies", found.copy_bytes, "of matrices and kernels"))
    parts.append((f"optimizer ({found.optimizer})", found.optimizer_bytes, "float32"))
    alive: dict[str, int] = {}
    for tensor in timeline.at(step):
        alive[tensor.kind] = alive.get(tensor.kind, 0) + tensor.bytes
    parts += [
        (_KINDS[kind][0], size, _KINDS[kind][1]) for kind, size in sorted(alive.items(), key=lambda pair: -pair[1])
    ]
    rows = [Row((name, size, size / found.peak_bytes, remark)) for name, size, remark in parts]
    facts = [
        Fact("Saved", found.saved_bytes, "bytes", "by the forward pass for the backward pass, in all"),
        Fact("Gradients", found.gradient_bytes, "bytes", "of all parameters, when the optimizer steps"),
    ]
    facts += _fitting(batch, limit)
    return Table(
        f"{analysis.spec.title}: memory of a training step",
        f"{conventions(analysis)} · {_how(found)}",
        _PARTS,
        tuple(rows),
        (Row(("peak", found.peak_bytes, None, f"at {found.peak_step}"), style="total"),),
        tuple(facts),
        (
            "what is there at the peak; kept is what every operator's derivative needs, each tensor once",
            *unknown_note(analysis),
            "gradients of weights are made during the step; nothing is counted for the framework and its workspaces",
        ),
    )


_KINDS = {
    "saved": ("kept for the backward pass", "inputs, outputs, masks and statistics"),
    "checkpoint": ("checkpoints", "what one segment hands to the next"),
    "activation": ("activations", "being computed"),
    "gradient": ("gradients of outputs", ""),
    "weight gradient": ("gradients of weights", "so far"),
    "input": ("input", ""),
    "scratch": ("scratch", "columns of im2col"),
}


def _how(found: TrainingMemory) -> str:
    words = [f"training with {found.optimizer}"]
    words += ["mixed precision"] if found.mixed else []
    words += [f"checkpoints every {found.checkpoint} blocks"] if found.checkpoint else []
    return " · ".join(words)


def _fitting(batch: int | None, limit: int | None) -> list[Fact]:
    if limit is None or batch is None:
        return []
    return [Fact("Largest batch", batch, "count", "that takes no more than the limit of --fit")]


def inference_table(
    analysis: Analysis, model: str, timeline: Timeline, notes: Sequence[str], batch: int | None, limit: int | None
) -> Table:
    """What one forward pass takes under a model of memory, and the tensors that make the peak."""
    step, peak = timeline.peak_step(), timeline.peak()
    weights = analysis.memory.weight_bytes
    rows = [Row(("weights", weights, weights / max(weights, peak), ""))]
    found = timeline.at(step)
    rows += [
        Row((f"  {tensor.name}", tensor.bytes, tensor.bytes / max(weights, peak), tensor.kind)) for tensor in found
    ]
    totals = (
        Row((f"activations ({model})", peak, None, f"at {timeline.steps[step]}"), style="total"),
        Row(("together", weights + peak, None, ""), style="total"),
    )
    facts = [Fact("One block", timeline.arena(), "bytes", "with every tensor at a fixed place, greedily by size")]
    return Table(
        f"{analysis.spec.title}: memory of a forward pass",
        conventions(analysis),
        _PARTS,
        tuple(rows),
        totals,
        (*facts, *_fitting(batch, limit)),
        (*notes, *unknown_note(analysis)),
    )


def timeline_table(analysis: Analysis, title: str, timeline: Timeline) -> Table:
    """A row a step: how much is alive, as a bar, and its largest tensors."""
    alive, peak = timeline.alive(), max(1, timeline.peak())
    rows = []
    for step, (name, size) in enumerate(zip(timeline.steps, alive, strict=True)):
        largest = ", ".join(f"{tensor.name}" for tensor in timeline.at(step)[:3])
        rows.append(Row((name, size, size / peak, largest)))
    return Table(
        f"{analysis.spec.title}: {title}",
        conventions(analysis),
        _STEPS,
        tuple(rows),
        notes=(f"the peak of {alive[timeline.peak_step()]:,} bytes is at {timeline.steps[timeline.peak_step()]}",),
    )


def timeline_document(timeline: Timeline) -> dict[str, Any]:
    """A timeline as plain data: bytes by step, and all tensors with the steps that they are needed in."""
    alive = timeline.alive()
    return {
        "steps": [{"step": name, "alive_bytes": size} for name, size in zip(timeline.steps, alive, strict=True)],
        "tensors": [
            {"name": t.name, "kind": t.kind, "bytes": t.bytes, "first": t.first, "last": t.last}
            for t in timeline.tensors
        ],
        "peak_bytes": timeline.peak(),
        "peak_step": timeline.steps[timeline.peak_step()],
    }


def training_document(
    analysis: Analysis, found: TrainingMemory, batch: int | None, limit: int | None
) -> dict[str, Any]:
    """A training step's memory as plain data."""
    parts = {
        "optimizer": found.optimizer,
        "mixed": found.mixed,
        "checkpoint": found.checkpoint,
        "weight_bytes": found.weight_bytes,
        "copy_bytes": found.copy_bytes,
        "gradient_bytes": found.gradient_bytes,
        "optimizer_bytes": found.optimizer_bytes,
        "saved_bytes": found.saved_bytes,
        "peak_bytes": found.peak_bytes,
        "peak_step": found.peak_step,
    }
    return _document(analysis, "train", parts, found.timeline, batch, limit)


def inference_document(
    analysis: Analysis, model: str, timeline: Timeline, batch: int | None, limit: int | None
) -> dict[str, Any]:
    """A forward pass's memory as plain data."""
    parts = {
        "weight_bytes": analysis.memory.weight_bytes,
        "peak_activation_bytes": timeline.peak(),
        "block_bytes": timeline.arena(),
    }
    return _document(analysis, model, parts, timeline, batch, limit)


def _document(
    analysis: Analysis, model: str, parts: dict[str, Any], timeline: Timeline, batch: int | None, limit: int | None
) -> dict[str, Any]:
    """What stands around the parts of every model: under which conventions, what fits, and the timeline."""
    return {
        "network": analysis.spec.name,
        "input": list(analysis.graph.input_shape),
        "batch": analysis.batch,
        "dtype": analysis.dtype,
        "model": model,
        **parts,
        "fit": None if limit is None else {"limit_bytes": limit, "largest_batch": batch},
        "timeline": timeline_document(timeline),
    }


_FITS = (
    Column("memory", "Memory"),
    Column("needed", "Needed", "bytes"),
    Column("there", "There is", "bytes"),
    Column("verdict", "Verdict"),
    Column("by", "By", "bytes", 1),
)


def fit_table(analysis: Analysis, found: Fit) -> Table:
    """The verdict, what is to blame, and what would make it fit."""
    rows = []
    for name, needed, there in (
        ("SRAM: activations", found.arena.bytes, found.sram),
        ("flash: weights", found.weight_bytes, found.flash),
    ):
        if there is not None:
            verdict = "fits" if needed <= there else "too large"
            rows.append(Row((name, needed, there, verdict, Cell(abs(there - needed), "bytes"))))
    notes = [*unknown_note(analysis), _laid_out(found.arena)]
    if not found.fits_sram:
        largest = (f"{tensor.name} {tensor.bytes:,}" for tensor in found.culprits[:_MOST_SHOWN])
        step = found.arena.timeline.steps[found.arena.timeline.peak_step()]
        notes.append(f"culprits, bytes alive at {step}: {', '.join(largest)}")
    if not found.fits_flash:
        heaviest = (f"{name} {size:,}" for name, size in found.heaviest[:_MOST_SHOWN])
        notes.append(f"culprits, bytes of weights: {', '.join(heaviest)}")
    notes += _advice(analysis, found)
    title = f"{analysis.spec.title}: {'fits' if found.fits else 'does not fit'}"
    return Table(title, conventions(analysis), _FITS, tuple(rows), notes=tuple(notes))


def _laid_out(arena: Arena) -> str:
    words = ["in place where layers can"]
    words += ["concatenations joined with their inputs"] if arena.joined else []
    words += ["layers reordered"] if arena.reordered else []
    loss = arena.bytes - arena.peak_bytes
    return f"one block, {', '.join(words)}" + (f"; {loss:,} bytes of it are gaps" if loss else "")


def _advice(analysis: Analysis, found: Fit) -> list[str]:
    """What would make it fit, each as far as it is known for sure."""
    advice = []
    if not found.fits_sram and found.smaller_input:
        size = found.smaller_input
        advice.append(
            f"an input of {size}×{size} would fit into the SRAM: --input {analysis.graph.input_shape[0]}x{size}x{size}"
        )
    if not found.fits_sram and found.smaller_input == 0:
        advice.append("no smaller square input fits into the SRAM")
    if not found.fits_flash and found.flash is not None:
        share = found.flash / found.weight_bytes
        advice.append(f"weights have to shrink to {share:.1%}: widths to about {share**0.5:.1%} of what they are")
    if not found.fits and analysis.dtype != "int8":
        advice.append("--dtype int8 takes a quarter or half of it")
    return advice


def fit_document(analysis: Analysis, found: Fit) -> dict[str, Any]:
    """The verdict as plain data."""
    return {
        "network": analysis.spec.name,
        "input": list(analysis.graph.input_shape),
        "dtype": analysis.dtype,
        "fits": found.fits,
        "sram": {"needed_bytes": found.arena.bytes, "limit_bytes": found.sram, "peak_bytes": found.arena.peak_bytes},
        "flash": {"needed_bytes": found.weight_bytes, "limit_bytes": found.flash},
        "joined": found.arena.joined,
        "reordered": found.arena.reordered,
        "culprits": [{"tensor": tensor.name, "kind": tensor.kind, "bytes": tensor.bytes} for tensor in found.culprits],
        "heaviest": [{"layer": name, "bytes": size} for name, size in found.heaviest[:_MOST_SHOWN]],
        "smaller_input": found.smaller_input,
    }
