"""Located tree → `Spec`: what a file says, word by word checked, before anything is built.

Here live the words of the language that are not operators: `vars`, `blocks`, `repeat`, `if`, … . Nothing here knows an
operator or a shape.
"""

import re
from collections.abc import Iterator

from archcalc.errors import Problem, Problems, Source, Span, SpecError, did_you_mean, printable
from archcalc.spec.expressions import as_expression
from archcalc.spec.model import Block, Branch, Call, Published, Repeat, Spec, Step, Text
from archcalc.spec.running import read_labels, read_preprocess, read_weights
from archcalc.spec.tree import Mapping, Scalar, Sequence, Tree, describe, plain
from archcalc.spec.variants import read_alternatives, read_ranges

VERSION = 1
TOP_LEVEL = (
    "archcalc",
    "extends",
    "name",
    "title",
    "family",
    "authors",
    "paper",
    "notes",
    "input",
    "vars",
    "alternatives",
    "ranges",
    "published",
    "weights",
    "preprocess",
    "labels",
    "blocks",
    "layers",
)
PAPER = ("title", "authors", "year", "url")
PUBLISHED = ("metric", "value", "tolerance", "source", "note", "layer", "expect", "dataset")
ACCURACIES = ("top1", "top5")
VERDICTS = ("match", "convention", "erratum", "not reproduced")
METRICS = (
    "params",
    "weights",
    "buffers",
    "macs",
    "flops",
    "weight_bytes",
    "activations",
    "receptive_field",
    "neurons",
    "top1",
    "top5",
)
RESERVED = ("name", "if", "inputs", "shares")
REQUIRED = "required"
TRAINING = "training"
"""A name that every expression knows: whether the network is looked at as it is trained."""
MAX_VARIABLES = 1000

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_NAME = re.compile(r"[A-Za-z0-9_/][A-Za-z0-9_/.: -]*(?<! )\Z")
MAX_NAME = 400


def read_text(source: Source, tree: Tree) -> tuple[Text, Problems]:
    """The top level of a spec, with what is wrong with its own words."""
    if not isinstance(tree, Mapping):
        problem = Problem(f"a spec is a mapping, this is {describe(tree)}", tree.span, "it begins with 'archcalc: 1'")
        raise SpecError(problem)
    problems = Problems(unknown_keys(tree, TOP_LEVEL, "a spec"))
    version = tree.entries.get("archcalc")
    if version is None:
        problems.append(Problem("'archcalc: 1' is missing: the version of the spec language", tree.span))
    elif not isinstance(version, Scalar) or type(version.value) is not int or version.value != VERSION:
        problems.append(Problem(f"this archcalc reads version {VERSION} of the spec language", version.span))
    for key in ("name", "title", "family", "extends", "notes"):
        value = plain(tree.entries[key]) if key in tree.entries else ""
        if not isinstance(value, str):
            problems.append(
                Problem(f"{key} is a text", tree.entries[key].span, f"this is {describe(tree.entries[key])}")
            )
        elif "\n" in value and key != "notes":
            problems.append(Problem(f"{key} is one line", tree.entries[key].span))
    return Text(source, tree.entries, tree.keys), problems


def read_spec(text: Text, base: Spec | None) -> tuple[Spec, Problems]:
    """The Spec of a file over the one it extends.

    `vars` and `blocks` are joined name by name; `input`, `layers`, `family` and `paper` are taken over unless written
    anew, a `title` unless there is one or a name; `published` and `weights` are not taken over, since they speak of one
    network. `labels` are, and so is `preprocess` unless there is another `input`.
    """
    problems = Problems()
    variables, spans = _variables(text, base, problems)
    blocks = dict(base.blocks) if base else {}
    blocks.update(_blocks(text.entries.get("blocks"), problems))
    steps = base.steps if base else ()
    if "layers" in text.entries:
        steps = _steps(text.entries["layers"], problems)
        if isinstance(text.entries["layers"], Sequence) and not text.entries["layers"].items:
            problems.append(Problem("there are no layers", text.entries["layers"].span))
    elif base is None and "extends" not in text.entries:
        hint = "a list of layers" if "layer" not in text.entries else "did you mean 'layers'?"
        problems.append(Problem(f"{text.source.name} has no 'layers'", None, hint))
    if "input" not in text.entries and base is None and "extends" not in text.entries:
        problems.append(Problem(f"{text.source.name} has no 'input'", None, "such as 'input: [3, 224, 224]'"))
    spec = Spec(
        text.source,
        text.scalar("name", _stem(text.source.name)),
        text.scalar("title", text.scalar("name", base.title if base else _stem(text.source.name))),
        text.entries.get("input", base.input if base else None),
        variables,
        spans,
        blocks,
        steps,
        text.scalar("family", base.family if base else ""),
        _paper(text.entries.get("paper"), problems) or (base.paper if base else {}),
        _published(text.entries.get("published"), problems),
        read_alternatives(text.entries.get("alternatives"), variables, base, problems),
        text.scalar("notes"),
        read_weights(text.entries.get("weights"), text.source, problems),
        read_preprocess(text.entries.get("preprocess"), problems)
        or (base.preprocess if base and "input" not in text.entries else None),
        read_labels(text.entries.get("labels"), text.source, problems) or (base.labels if base else ()),
        read_ranges(text.entries.get("ranges"), variables, base, problems),
    )
    return spec, problems


def _stem(path: str) -> str:
    return re.split(r"[\\/]", path)[-1].removesuffix(".yaml").removesuffix(".yml")


def unknown_keys(mapping: Mapping, known: tuple[str, ...], what: str) -> Iterator[Problem]:
    for key in mapping.entries:
        if key not in known:
            yield Problem(f"{what} has no '{printable(key, 40)}'", mapping.keys[key], did_you_mean(key, known))


def _identifier(name: str, span: Span, what: str) -> Iterator[Problem]:
    if not _IDENTIFIER.match(name):
        yield Problem(
            f"'{printable(name, 40)}' is not a name for {what}", span, "letters, digits and _, no digit first"
        )


def is_layer_name(name: str) -> bool:
    """Whether a layer may be called so: nothing that a terminal or a table would trip over."""
    return len(name) <= MAX_NAME and _NAME.match(name) is not None


def _variables(text: Text, base: Spec | None, problems: Problems) -> tuple[dict[str, Tree], dict[str, Span]]:
    variables = dict(base.variables) if base else {}
    spans = dict(base.variable_spans) if base else {}
    tree = text.entries.get("vars")
    if tree is None:
        return variables, spans
    if not isinstance(tree, Mapping):
        problems.append(Problem(f"vars is a mapping of names to values, this is {describe(tree)}", tree.span))
        return variables, spans
    for name, value in tree.entries.items():
        problems += _identifier(name, tree.keys[name], "a variable")
        if name == TRAINING:
            problems.append(Problem(f"'{TRAINING}' is a word of the language: --mode train sets it", tree.keys[name]))
        if len(variables) >= MAX_VARIABLES:
            problems.append(Problem(f"more than {MAX_VARIABLES:,} variables", tree.keys[name]))
            break
        if base and "layers" not in text.entries and "blocks" not in text.entries and name not in base.variables:
            message = f"'{base.name}' has no variable '{printable(name, 40)}'"
            problems.append(Problem(message, tree.keys[name], did_you_mean(name, base.variables)))
        variables[name] = value
        spans[name] = tree.keys[name]
    return variables, spans


def _blocks(tree: Tree | None, problems: Problems) -> dict[str, Block]:
    if tree is None:
        return {}
    if not isinstance(tree, Mapping):
        problems.append(Problem(f"blocks is a mapping of names to blocks, this is {describe(tree)}", tree.span))
        return {}
    blocks = {}
    for name, body in tree.entries.items():
        span = tree.keys[name]
        problems += _identifier(name, span, "a block")
        if not isinstance(body, Mapping):
            problems.append(
                Problem(f"a block has 'layers', and 'args' if it takes any; this is {describe(body)}", body.span)
            )
            continue
        problems += unknown_keys(body, ("args", "layers"), "a block")
        if "layers" not in body.entries:
            problems.append(Problem(f"block '{printable(name, 40)}' has no 'layers'", span))
        arguments = _block_arguments(body.entries.get("args"), problems)
        steps = _steps(body.entries["layers"], problems) if "layers" in body.entries else ()
        blocks[name] = Block(name, span, arguments, steps)
    return blocks


def _block_arguments(tree: Tree | None, problems: Problems) -> dict[str, Tree]:
    if tree is None:
        return {}
    if not isinstance(tree, Mapping):
        problems.append(Problem(f"args is a mapping of names to defaults, this is {describe(tree)}", tree.span))
        return {}
    for name, span in tree.keys.items():
        problems += _identifier(name, span, "an argument")
        if name in RESERVED:
            problems.append(Problem(f"'{name}' is a word of the language and cannot be an argument", span))
    return tree.entries


def _steps(tree: Tree, problems: Problems) -> tuple[Step, ...]:
    if not isinstance(tree, Sequence):
        problems.append(Problem(f"layers are a list, this is {describe(tree)}", tree.span, "each begins with '- '"))
        return ()
    steps = (_step(item, problems) for item in tree.items)
    return tuple(step for step in steps if step is not None)


def _step(tree: Tree, problems: Problems) -> Step | None:
    if isinstance(tree, Scalar):
        if isinstance(tree.value, str) and as_expression(tree.value, tree.span) is None:
            return Call(tree.value, tree.span, {}, {})
        problems.append(
            Problem(f"a layer begins with its operator, this is {describe(tree)}", tree.span, "such as '- relu'")
        )
        return None
    if isinstance(tree, Sequence) or not tree.entries:
        message = "a layer is an operator with its arguments, this is "
        message += "a list" if isinstance(tree, Sequence) else "empty"
        problems.append(Problem(message, tree.span, "such as '- conv: {out_channels: 64, kernel_size: 3}'"))
        return None
    keyword, body = next(iter(tree.entries.items()))
    return _repeat(tree, problems) if keyword == "repeat" else _call(keyword, body, tree, problems)


def _repeat(tree: Mapping, problems: Problems) -> Repeat:
    problems += unknown_keys(tree, ("repeat", "as", "name", "scope", "if", "layers"), "a repeat")
    span = tree.keys["repeat"]
    if "layers" not in tree.entries:
        problems.append(Problem("a repeat has no 'layers'", span))
    scope = tree.entries.get("scope")
    if scope is not None and not isinstance(plain(scope), bool):
        problems.append(Problem(f"scope is true or false, this is {describe(scope)}", scope.span))
    index = _index(tree, problems)
    steps = _steps(tree.entries["layers"], problems) if "layers" in tree.entries else ()
    scoped = scope is None or plain(scope) is True
    return Repeat(tree.entries["repeat"], span, steps, index, tree.entries.get("name"), tree.entries.get("if"), scoped)


def _index(tree: Mapping, problems: Problems) -> str:
    """The loop variable that `as` names; empty without one."""
    value = tree.entries.get("as")
    if value is None:
        return ""
    if not isinstance(value, Scalar) or not isinstance(value.value, str):
        problems.append(Problem(f"as is the name of an index, this is {describe(value)}", value.span))
        return ""
    problems += _identifier(value.value, value.span, "an index")
    return value.value


def _call(keyword: str, body: Tree, tree: Mapping, problems: Problems) -> Call:
    """A layer. What stands beside the keyword counts as an argument too: there is no other place beside branches."""
    arguments = {key: value for key, value in tree.entries.items() if key != keyword}
    spans = {key: span for key, span in tree.keys.items() if key != keyword}
    branches = None
    if isinstance(body, Mapping):
        for key, value in body.entries.items():
            if key in arguments:
                first, second = sorted((spans[key], body.keys[key]), key=lambda span: (span.line, span.column))
                detail = f"first at line {first.line}, column {first.column}"
                problems.append(Problem(f"'{printable(key, 40)}' stands here twice", second, "", (detail,)))
            arguments[key], spans[key] = value, body.keys[key]
    elif isinstance(body, Sequence):
        branches = tuple(_branch(item, problems) for item in body.items)
    elif body.value is not None:
        message = f"arguments are written {{name: value}}, this is {describe(body)}"
        problems.append(Problem(message, body.span))
    reserved = {word: _given(word, arguments.pop(word, None), problems) for word in RESERVED}
    return Call(
        keyword,
        tree.keys[keyword],
        arguments,
        spans,
        reserved["name"],
        reserved["if"],
        reserved["inputs"],
        reserved["shares"],
        branches,
    )


def _given(word: str, tree: Tree | None, problems: Problems) -> Tree | None:
    """The value of a word of the language, which has to have one where it is written."""
    if isinstance(tree, Scalar) and tree.value is None:
        problems.append(Problem(f"{word} stands here without a value", tree.span))
        return None
    return tree


def _branch(tree: Tree, problems: Problems) -> Branch:
    if isinstance(tree, Sequence):
        return Branch(_steps(tree, problems), tree.span)
    if isinstance(tree, Mapping) and "layers" in tree.entries:
        problems += unknown_keys(tree, ("layers", "if", "repeat", "as"), "a branch")
        steps = _steps(tree.entries["layers"], problems)
        when = _given("if", tree.entries.get("if"), problems)
        return Branch(steps, tree.span, when, tree.entries.get("repeat"), _index(tree, problems))
    hint = "'- - conv: ...', or '- layers: [...]' with 'if' or 'repeat'"
    problems.append(Problem(f"a branch is a list of layers, this is {describe(tree)}", tree.span, hint))
    return Branch((), tree.span)


def _paper(tree: Tree | None, problems: Problems) -> dict[str, object]:
    if tree is None:
        return {}
    if not isinstance(tree, Mapping):
        problems.append(Problem(f"paper has {', '.join(PAPER)}; this is {describe(tree)}", tree.span))
        return {}
    problems += unknown_keys(tree, PAPER, "paper")
    return {key: plain(value) for key, value in tree.entries.items()}


def _tolerance(item: Mapping, problems: Problems) -> float:
    """How far a published number may be from the truth, as a share of it: `0.5%` or 0.005."""
    tree = item.entries.get("tolerance")
    if tree is None:
        return 0.0
    value = plain(tree)
    if isinstance(value, str) and re.fullmatch(r"[0-9.]+%", value):
        try:
            return float(value[:-1]) / 100
        except ValueError:
            value = None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        problems.append(Problem("tolerance is a share such as 0.5%", tree.span, f"this is {describe(tree)}"))
        return 0.0
    return float(value)


def _published(tree: Tree | None, problems: Problems) -> tuple[Published, ...]:
    if tree is None:
        return ()
    if not isinstance(tree, Sequence):
        problems.append(Problem(f"published is a list, this is {describe(tree)}", tree.span))
        return ()
    found = []
    for item in tree.items:
        if not isinstance(item, Mapping):
            problems.append(
                Problem(f"a published number has {', '.join(PUBLISHED)}; this is {describe(item)}", item.span)
            )
            continue
        problems += unknown_keys(item, PUBLISHED, "a published number")
        values = {key: plain(value) for key, value in item.entries.items()}
        wrong = len(problems)
        metric, value, source = values.get("metric"), values.get("value"), values.get("source")
        if metric not in METRICS:
            span = item.entries["metric"].span if "metric" in item.entries else item.span
            hint = did_you_mean(str(metric or ""), METRICS)
            problems.append(Problem(f"metric is one of {', '.join(METRICS)}", span, hint))
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            problems.append(
                Problem("a published number has a 'value'", item.entries.get("value", item).span, "a number")
            )
        if not isinstance(source, str) or not source.strip():
            problems.append(Problem("a published number names its 'source'", item.entries.get("source", item).span))
        dataset = values.get("dataset", "")
        if metric in ACCURACIES and (not isinstance(dataset, str) or not dataset.strip()):
            problems.append(Problem("an accuracy names its 'dataset'", item.entries.get("dataset", item).span))
        if metric in ACCURACIES and isinstance(value, (int, float)) and not 0 <= value <= 100:
            problems.append(Problem("an accuracy is a percentage", item.entries["value"].span, "from 0 to 100"))
        tolerance = _tolerance(item, problems)
        expect = values.get("expect", "match")
        if expect not in VERDICTS:
            hint = did_you_mean(str(expect), VERDICTS)
            problems.append(Problem(f"expect is one of {', '.join(VERDICTS)}", item.entries["expect"].span, hint))
        if len(problems) == wrong:
            note, layer = str(values.get("note", "")), str(values.get("layer", ""))
            number = float(str(value))
            found.append(
                Published(
                    str(metric), number, str(source), tolerance, note, layer, str(expect), str(dataset), item.span
                )
            )
    return tuple(found)
