"""YAML text → located tree: what scalars mean, where they stand, and what is refused by name."""

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import given

from archcalc.errors import Problem, Source, SpecError
from archcalc.spec import zoo
from archcalc.spec.tree import MAX_DEPTH, Mapping, Scalar, Sequence, Tree, plain, read_tree

from .helpers import bounded, marked

Draw = Callable[[st.SearchStrategy[Any]], Any]

# Scalars as they stand in a text, unlike each other, with characters of one to four bytes.
WORDS = ("conv", "3", "0.5", "'a b'", '"größe"', "名前", "🙂", '"🙂 ×"', "=k//2", "~", "no", "3:30")


def read(text: str) -> Tree:
    return read_tree(Source("text", text))


def refusals(text: str) -> tuple[Problem, ...]:
    with pytest.raises(SpecError) as caught:
        read(text)
    return caught.value.problems


def value(text: str) -> object:
    tree = read(f"key: {text}")
    assert isinstance(tree, Mapping)
    return plain(tree.entries["key"])


def scalars(tree: Tree) -> list[Scalar]:
    """All scalars but keys, in the order of the text."""
    if isinstance(tree, Scalar):
        return [tree]
    items = tree.items if isinstance(tree, Sequence) else tree.entries.values()
    return [scalar for item in items for scalar in scalars(item)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", 3),
        ("-3", -3),
        ("+3", 3),
        ("010", 10),
        ("1_000_000", 1_000_000),
        ("0.5", 0.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("4.089e9", 4.089e9),
        ("1e-4", 1e-4),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
    ],
)
def test_numbers_and_words_of_the_language(text: str, expected: object) -> None:
    """Decimal numbers, true, false and nothing are read as such, with their type."""
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


# What YAML 1.1 would make bools, floats, merges, dates, numbers to base 60 or 16, and what looks like a number.
TEXTS = (
    "no yes on off y True NULL << .inf -.inf .nan 2015-12-10 3:30 0x10 0o17 0b1 1.2.3 3x224x224 1e e3 . --3 ١٢ ½ =k//2"
)


@pytest.mark.parametrize("text", TEXTS.split())
def test_all_else_is_text(text: str) -> None:
    assert value(text) == text


@pytest.mark.parametrize("word", ["3", "0.5", "true", "null", "~", "", "no"])
@pytest.mark.parametrize("quote", ["'", '"'])
def test_quoted_is_text(word: str, quote: str) -> None:
    assert value(f"{quote}{word}{quote}") == word


@pytest.mark.parametrize("text", ["ResNet\u00a050", "全\u3000角", "👩\u200d👧", "x\u0301", "−1 × 2"])
def test_text_of_any_script_is_text(text: str) -> None:
    """Spaces that do not break, joined signs and accents are no control characters."""
    assert value(text) == value(f"'{text}'") == text


@st.composite
def written(draw: Draw, depth: int = 0) -> tuple[str, list[str]]:
    """A value in flow style, and the words in it in their order."""
    kind = draw(st.sampled_from(("word", "list", "mapping")[: 3 if depth < 3 else 1]))
    if kind == "word":
        word = draw(st.sampled_from(WORDS))
        return word, [word]
    parts = [draw(written(depth + 1)) for _ in range(draw(st.integers(1, 3)))]
    words = [word for _, inner in parts for word in inner]
    joint = draw(st.sampled_from((", ", ",  ", ",\n  ")))
    if kind == "list":
        return f"[{joint.join(text for text, _ in parts)}]", words
    return "{" + joint.join(f"ключ{i}: {text}" for i, (text, _) in enumerate(parts)) + "}", words


@given(written(), st.sampled_from(("\n", "\r\n")))
def test_every_scalar_knows_its_place(value: tuple[str, list[str]], newline: str) -> None:
    """Line, column and width cut exactly the scalar out of the text, whatever characters stand before it."""
    text, words = f"- 🙂\n- {value[0]}\n".replace("\n", newline), value[1]
    lines = text.split("\n")
    found = [tree.span for tree in scalars(read(text))][1:]
    assert [lines[span.line - 1][span.column - 1 :][: span.width] for span in found] == words


def test_keys_know_their_place() -> None:
    tree = read("größe: 1\n  \n名前 : {é: 2}\n")
    assert isinstance(tree, Mapping)
    places = [(span.line, span.column, span.width) for span in tree.keys.values()]
    assert places == [(1, 1, 5), (3, 1, 2)]
    inner = tree.entries["名前"]
    assert isinstance(inner, Mapping)
    assert (inner.keys["é"].line, inner.keys["é"].column) == (3, 7)


@pytest.mark.parametrize("name", zoo.names())
def test_both_parsers_of_pyyaml_give_one_tree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PyYAML was built without libyaml its Python parser gives the same values at the same places."""
    source = zoo.find(name)
    fast = read_tree(source)
    monkeypatch.delattr(yaml, "CLoader", raising=False)
    assert read_tree(source) == fast


def test_refused_by_name_and_all_at_once() -> None:
    """Tags, anchors, aliases and duplicate keys are named and marked, all in one run."""
    text = "a: &here 1\nb: *here\nc: !thing x\nd: {e: 1, e: 2}\na: 3\n&key f: 4\n? [g]\n: 5\n"
    problems = refusals(text)
    found = [(p.span.line if p.span else 0, marked(p)) for p in problems]
    assert found == [(1, "&here 1"), (2, "*here"), (3, "!thing x"), (4, "e"), (5, "a"), (6, "&key f"), (7, "[")]
    words = ("&here", "*here", "!thing", "'e'", "'a'", "&key", "a list")
    for problem, word in zip(problems, words, strict=True):
        assert word in f"{problem.message} {problem.hint}"
    assert problems[3].details == ("first at line 4, column 5",)


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!!int", "!!binary", "!", "!<tag:x>", "!!set"])
@pytest.mark.parametrize("body", ["x", "[x]", "{x: y}", "'x'"])
def test_no_tag_is_obeyed(tag: str, body: str) -> None:
    (problem,) = refusals(f"a: {tag} {body}\n")
    assert problem.message.startswith("tags are not allowed")


def test_depth_is_bounded() -> None:
    """A hundred levels are read, one more is refused where it begins, and a million are no worse."""
    assert len(scalars(read("[" * MAX_DEPTH + "x" + "]" * MAX_DEPTH))) == 1
    (problem,) = refusals("[" * 101 + "x" + "]" * 101)
    assert problem.message == "nested deeper than 100 levels"
    assert problem.span is not None
    assert problem.span.column == MAX_DEPTH + 1
    with bounded():
        (problem,) = refusals("[" * 1_000_000)
    assert "nest" in problem.message


@pytest.mark.parametrize("text", ["1" * 19, "-" + "1" * 18, "1" * 100_000])
def test_long_numbers_are_refused(text: str) -> None:
    with bounded():
        (problem,) = refusals(f"a: {text}\n")
    assert problem.message == "a number of more than 18 digits"


def test_infinite_numbers_are_refused() -> None:
    (problem,) = refusals("a: 1e999\n")
    assert problem.message == "this number is too large"
    assert marked(problem) == "1e999"


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "\ufeff"])
def test_empty_texts(text: str) -> None:
    (problem,) = refusals(text)
    assert problem.message == "text is empty"


@pytest.mark.parametrize("text", ["a: 1\n---\nb: 2\n", "a: 1\n...\n---\n", "a\n--- b\n--- c\n"])
def test_one_document_a_file(text: str) -> None:
    (problem,) = refusals(text)
    assert problem.message == "a file holds one spec, and here begins another"
    assert marked(problem) == "---"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [1, 2\nb: 3\n", (2, 2)),
        ("a: 1\n\tb: 2\n", (2, 1)),
        ('a: "\\q"\n', (1, 5)),
        ("a: b: c\n", (1, 5)),
        ("a: 'x\n", (2, 1)),
        ("a: 1\n b: 2\n", (2, 3)),
        ("- a\nb: 1\n", (2, 1)),
        ("a: @x\n", (1, 4)),
        ("%YAML 9.9\n---\na: 1\n", (1, 1)),
    ],
)
def test_syntax_errors_have_a_place(text: str, place: tuple[int, int]) -> None:
    (problem,) = refusals(text)
    assert problem.message.startswith("this is not YAML: ")
    assert problem.span is not None
    assert (problem.span.line, problem.span.column) == place


@pytest.mark.parametrize("text", ["a: \0\n", "a: \x07\n", "a: \x1b[31m\n", "a: \ud800\n", "a: \uffff\n"])
def test_what_is_not_text_is_refused(text: str) -> None:
    """NUL, control characters, half surrogates: an error of ours, and one that is safe to print."""
    with pytest.raises(SpecError) as caught:
        read(text)
    assert str(caught.value).replace("\n", "").isprintable()


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029"])
def test_excerpts_show_the_offending_line(newline: str) -> None:
    """Whatever ends lines in YAML ends them in excerpts: the carets stand under the word, and nothing else is shown."""
    text = newline.join(("# größe", "größe: 1", "größe: 2", ""))
    (problem,) = refusals(text)
    assert problem.span is not None
    shown, carets = problem.span.excerpt("")
    assert shown == "   3 | größe: 2"
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "größe"
