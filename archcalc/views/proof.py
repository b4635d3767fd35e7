"""Networks held against themselves → tables and plain data: what disagrees first, then how much agrees."""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from archcalc.analysis.whole import Analysis
from archcalc.forward.claims import Claim, Extent, Kind, LayerProof, Proof
from archcalc.numbers import grouped
from archcalc.ops.base import show_shape
from archcalc.views.table import Column, Fact, Row, Table

MOST = 20
"""Claims that disagree, shown of each network."""

_CLAIMS: dict[Kind, str] = {"shape": "shape", "macs": "MACs", "rf": "RF", "memory": "bytes alive"}
_COMPARED: dict[Kind, str] = {
    "shape": "of the arrays that come out",
    "macs": "counted at each product, by the shapes of its operands; shown is the sum",
    "rf": "the first and the last position that units see past NaN; shown is the size of the last field",
    "memory": "of outputs that are held, and that are still read, while a layer runs; shown is the most",
}

_NETWORK, _LAYER, _CLAIM = (
    Column("network", "Network"),
    Column("layer", "Layer (type)"),
    Column("claim", "Claim"),
)
_PREDICTED, _OBSERVED = Column("predicted", "Predicted", "count"), Column("observed", "Observed", "count")
_PER_LAYER: dict[Kind, tuple[Column, ...]] = {
    "shape": (Column("output", "Output shape", "shape"),),
    "macs": (Column("macs", "MACs", "count", 5),),
    "rf": (
        Column("rf", "RF", "pair"),
        Column("stride", "Eff. stride", "pair", 6),
        Column("padding", "Eff. pad", "pair", 6),
    ),
    "memory": (Column("alive", "Bytes alive", "count", 5),),
}


class Proven(Struct, frozen=True):
    """A proof and how its network is called: its name, and its title."""

    name: str
    title: str
    proof: Proof


def proven(analysis: Analysis, proof: Proof) -> Proven:
    return Proven(analysis.spec.name, analysis.spec.title, proof)


def tables(found: Sequence[Proven], per_layer: bool) -> list[Table]:
    """What disagrees, if something does, or every layer; below it how many claims of each kind agree."""
    detailed = _layers(found) if per_layer else _against(found)
    return [detailed, _summary(found)] if detailed.rows else [_summary(found)]


def long_table(found: Sequence[Proven]) -> Table:
    """A row a claim, for spreadsheets."""
    verdict = (Column("verdict", "Verdict"), Column("remark", "Remark"))
    columns = (_NETWORK, Column("layer", "Layer (type)", "name"), _CLAIM, _PREDICTED, _OBSERVED, *verdict)
    rows = tuple(
        Row((one.name, (layer.name, layer.op), kind, *_cells(claim), _verdict(claim), claim.remark))
        for one in found
        for layer in one.proof.layers
        for kind, claim in layer.claims.items()
    )
    return _table(found, "predicted against observed", columns, rows)


def _table(
    found: Sequence[Proven], about: str, columns: tuple[Column, ...], rows: tuple[Row, ...], **rest: Any
) -> Table:
    seed = found[0].proof.seed
    conventions = f"batch 1 · float32 · weights and samples random:{seed}"
    if len(found) == 1:
        shape = show_shape(found[0].proof.input)
        return Table(f"{found[0].title}: {about}", f"input {shape} · {conventions}", columns, rows, **rest)
    return Table(about.capitalize(), conventions, columns, rows, **rest)


def _of_each(found: Sequence[Proven], columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """With a column for the network where there are several."""
    return columns if len(found) == 1 else (_NETWORK, *columns)


def _row(found: Sequence[Proven], one: Proven, *cells: Any) -> Row:
    return Row(cells if len(found) == 1 else (one.name, *cells))


def _called(layer: LayerProof) -> str:
    return layer.name if layer.name == layer.op else f"{layer.name} ({layer.op})"


def _against(found: Sequence[Proven]) -> Table:
    """A row a claim about a layer that disagrees, the first ones of each network."""
    cells = (("predicted", "Predicted"), ("observed", "Observed"), ("remark", "Remark"))
    columns = (_LAYER, _CLAIM, *(Column(key, title, "prose") for key, title in cells))
    rows, notes = [], []
    for one in found:
        against = [
            (layer, kind, claim)
            for layer in one.proof.layers
            for kind, claim in layer.claims.items()
            if claim.agrees is False
        ]
        for layer, kind, claim in against[:MOST]:
            values = map(_words, _cells(claim))
            rows.append(_row(found, one, _called(layer), _CLAIMS[kind], *values, claim.remark))
        if len(against) > MOST:
            notes.append(f"{one.name}: {len(against) - MOST:,} more disagree; --per-layer shows every layer")
    return _table(found, "what disagrees", _of_each(found, columns), tuple(rows), notes=tuple(notes))


def _layers(found: Sequence[Proven]) -> Table:
    """A row a layer, what was observed of it: those that disagree first."""
    kinds = found[0].proof.kinds
    columns = (
        _LAYER,
        *(column for kind in kinds for column in _PER_LAYER[kind]),
        Column("verdict", "Predicted", "prose", 1),
    )
    layers = [(one, layer) for one in found for layer in one.proof.layers]
    layers.sort(key=lambda pair: all(claim.agrees is not False for claim in pair[1].claims.values()))
    rows = (_row(found, one, _called(layer), *_observed(layer, kinds), _predicted(layer)) for one, layer in layers)
    return _table(found, "what was observed of each layer", _of_each(found, columns), tuple(rows))


def _observed(layer: LayerProof, kinds: Sequence[Kind]) -> Iterator[Any]:
    """The cells of a layer for each kind of claim."""
    for kind in kinds:
        claim = layer.claims.get(kind)
        if kind == "rf" and claim is not None:
            yield from (tuple(_part(seen, part) for seen in claim.observed or ()) for part in _PARTS)
        else:
            yield 0 if claim is None else claim.observed


def _predicted(layer: LayerProof) -> str:
    """What was predicted where it is not the same, and what could not be observed."""
    words = []
    for kind, claim in layer.claims.items():
        if claim.agrees is not True:
            said = "not observed" if claim.agrees is None else _words(_cells(claim)[0])
            words.append(f"{_CLAIMS[kind]} {said}" + (f" ({claim.remark})" if claim.remark else ""))
    return "; ".join(words) or "the same"


def _summary(found: Sequence[Proven]) -> Table:
    """A row a kind of claim about a network."""
    columns = (
        *(_CLAIM, Column("agree", "Agree", "count"), Column("unobserved", "Not observed", "count", 2)),
        *(_PREDICTED, _OBSERVED),
    )
    kinds = found[0].proof.kinds
    rows = tuple(_row(found, one, *_counted(one.proof, kind)) for one in found for kind in kinds)
    compared = [f"{_CLAIMS[kind]}: {_COMPARED[kind]}" for kind in kinds]
    notes = (*compared, *(note for one in found for note in _notes(one, len(found) > 1)))
    about = "predicted against observed"
    return _table(found, about, _of_each(found, columns), rows, facts=(_together(found),), notes=notes)


def _together(found: Sequence[Proven]) -> Fact:
    """How many claims agree, about layers and about networks, and whether any does not."""
    totals = [claim.agrees for one in found for claim in one.proof.totals.values()]
    counts = [one.proof.count(kind) for one in found for kind in one.proof.kinds]
    against = sum(count.disagree for count in counts) + totals.count(False)
    agree = sum(count.agree for count in counts) + totals.count(True)
    said = {0: "none disagrees", 1: "1 disagrees"}.get(against, f"{against:,} disagree")
    return Fact("Claims that agree", agree, "count", f"about layers and the whole; {said}")


def _counted(proof: Proof, kind: Kind) -> tuple[Any, ...]:
    """The cells of a kind of claim: how many agree, and what was predicted and observed of the whole."""
    count = proof.count(kind)
    whole: tuple[Any, Any] = (None, None)
    if kind in _WHOLE:
        whole = _cells(proof.totals[_WHOLE[kind]])
    elif kind == "rf":
        claims = [layer.claims["rf"] for layer in proof.layers]
        fields = [claim for claim in claims if any(isinstance(seen, Extent) for seen in claim.predicted)]
        if fields:
            whole = _joined(fields[-1].predicted, "size"), _joined(fields[-1].observed, "size")
    return _CLAIMS[kind], f"{count.agree:,} of {count.agree + count.disagree:,}", count.unobserved, *whole


_WHOLE: dict[Kind, str] = {"macs": "macs", "memory": "peak"}
"""Kind of claim → the claim about the whole network."""


def _notes(one: Proven, several: bool) -> Iterator[str]:
    """Which layer runs at the peak and what numpy says there, where fields were seen, and what was not observed."""
    of, proof = f"{one.name}: " if several else "", one.proof
    if "memory" in proof.kinds:
        layer, taken = proof.totals["peak_layer"], proof.totals["allocated"]
        says = "the same to the byte" if taken.agrees else f"{_words(taken.observed)}, not {_words(taken.predicted)}"
        runs = _words(layer.observed) if layer.agrees else f"{_words(layer.observed)}, not {_words(layer.predicted)},"
        yield f"{of}most is alive while {runs} runs; numpy's allocator says {says}"
    if proof.strips:
        longest = show_shape(max(proof.strips, key=lambda shape: max(shape[1:])))
        strips = "1 strip" if len(proof.strips) == 1 else f"{len(proof.strips)} strips"
        yield f"{of}fields were seen on the network's own map and on {strips} of its layers, up to {longest}"
    reasons: dict[str, list[str]] = {}
    for about in proof.layers:
        for kind, claim in about.claims.items():
            if claim.agrees is None:
                reasons.setdefault(f"{_CLAIMS[kind]} not observed: {claim.remark}", []).append(about.name)
    for reason, names in reasons.items():
        more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
        yield f"{of}{', '.join(names[:3])}{more}: {reason}"


def _cells(claim: Claim) -> tuple[Any, Any]:
    """Predicted and observed: numbers stay numbers. Of fields that disagree it is what differs."""
    predicted, observed = claim.predicted, claim.observed
    if not isinstance(predicted, tuple) or all(isinstance(part, int) for part in predicted):
        return predicted, "nothing" if observed is None else observed
    said, seen = ([_joined(axes, part) for part in _PARTS] for axes in (predicted, observed))
    shown = [claim.agrees is not False or mine != other for mine, other in zip(said, seen, strict=True)]
    if claim.agrees is False and None in observed:
        shown = [True, False, False]  # along this axis nothing was measured that could differ
    if not any(shown) or not any(isinstance(part, Extent) for part in predicted):
        return said[0], seen[0]
    named = [
        ", ".join(f"{part} {word}" for part, word, show in zip(_PARTS, words, shown, strict=True) if show)
        for words in (said, seen)
    ]
    return named[0], named[1]


_PARTS = ("size", "stride", "padding")


def _joined(axes: Sequence[Any], part: str) -> str:
    """One number of a field along each axis, once where all are alike: 7, or 7×5; a word where there is no field."""
    words = [str(_part(seen, part)) for seen in axes]
    return "×".join(words if len(set(words)) > 1 else words[:1])


def _part(seen: "Extent | str | None", part: str) -> Any:
    found = getattr(seen, part) if isinstance(seen, Extent) else seen
    return "?" if found is None else found


def _words(value: Any) -> str:
    """A cell in a sentence."""
    if isinstance(value, tuple):
        return show_shape(value)
    return grouped(value) if isinstance(value, int) else value or "nothing"


def _verdict(claim: Claim) -> str:
    return "not observed" if claim.agrees is None else "agrees" if claim.agrees else "disagrees"


def document(found: Sequence[Proven]) -> dict[str, Any]:
    """What JSON shows: each network with its claims about the whole and about every layer."""
    return {"proofs": [_document(one) for one in found]}


def _document(one: Proven) -> dict[str, Any]:
    proof = one.proof
    counts = {kind: proof.count(kind) for kind in proof.kinds}
    return {
        "network": one.name,
        "title": one.title,
        "input": list(proof.input),
        "batch": 1,
        "dtype": "float32",
        "seed": proof.seed,
        "agrees": proof.agrees,
        "compared": {kind: _COMPARED[kind] for kind in proof.kinds},
        "claims": {
            kind: {"agree": count.agree, "disagree": count.disagree, "not_observed": count.unobserved}
            for kind, count in counts.items()
        },
        "totals": {name: _plain_claim(claim) for name, claim in proof.totals.items()},
        "strips": [list(shape) for shape in proof.strips],
        "layers": [
            {
                "name": layer.name,
                "op": layer.op,
                "claims": {kind: _plain_claim(claim) for kind, claim in layer.claims.items()},
            }
            for layer in proof.layers
        ],
    }


def _plain_claim(claim: Claim) -> dict[str, Any]:
    values = {"predicted": _plain(claim.predicted), "observed": _plain(claim.observed), "agrees": claim.agrees}
    return {**values, "remark": claim.remark} if claim.remark else values


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Extent):
        stride = value.stride if value.stride is None or isinstance(value.stride, int) else float(value.stride)
        return {"size": value.size, "stride": stride, "padding": value.padding}
    return value
