"""Cases → what CI systems read: GitHub's workflow commands, JUnit's XML."""

from collections.abc import Iterable
from xml.etree import ElementTree

from archcalc.errors import printable
from archcalc.views.budgets import Case


def github(cases: Iterable[Case]) -> str:
    """An annotation for each case that fails (`::error file=…,line=…,title=…::…`), a plain line for each that passes.

    Escaped as the runner decodes it: % CR LF in messages, and : and , in properties besides.
    Source: GitHub, Workflow commands; actions/toolkit, packages/core/src/command.ts.
    """
    lines = []
    for case in cases:
        if case.status == "passes":
            lines.append(f"{printable(case.group)}: {printable(case.message)}")
            continue
        properties = {"file": case.file, "line": case.line, "col": case.column, "title": f"archcalc: {case.group}"}
        said = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items() if value)
        lines.append(f"::error {said}::{_message(case.message)}")
    return "".join(f"{line}\n" for line in lines)


def _message(text: str) -> str:
    lines = "\n".join(map(printable, text.split("\n")))
    return lines.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def junit(cases: Iterable[Case]) -> str:
    """A testsuite for each network, a testcase for each condition; a spec that cannot be read is an `error`.

    Source: the schema that Jenkins and GitLab read, testsuites/testsuite/testcase with failure and error.
    """
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.group, []).append(case)
    every = [case for group in groups.values() for case in group]
    root = ElementTree.Element("testsuites", {"name": "archcalc check", **_counts(every)})
    for name, group in groups.items():
        suite = ElementTree.SubElement(root, "testsuite", {"name": _xml(name), **_counts(group)})
        for case in group:
            names = {"classname": _xml(case.group), "name": _xml(case.name), "time": "0"}
            if case.file:
                names["file"] = _xml(case.file)
            if case.line:
                names["line"] = str(case.line)
            test = ElementTree.SubElement(suite, "testcase", names)
            lines = [_xml(line) for line in case.message.split("\n")]
            if case.status == "passes":
                ElementTree.SubElement(test, "system-out").text = "\n".join(lines)
                continue
            kind = "failure" if case.status == "fails" else "error"
            found = ElementTree.SubElement(test, kind, {"message": lines[0], "type": kind})
            found.text = "\n".join(lines)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _counts(cases: list[Case]) -> dict[str, str]:
    return {
        "tests": str(len(cases)),
        "failures": str(sum(case.status == "fails" for case in cases)),
        "errors": str(sum(case.status == "error" for case in cases)),
        "skipped": "0",
        "time": "0",
    }


def _xml(text: str) -> str:
    """What may stand in XML 1.0: no control characters, which `printable` takes out, and no half or non-characters."""
    return printable(text).translate(_NO_CHARACTERS)


_NO_CHARACTERS = {0xFFFE: "\N{REPLACEMENT CHARACTER}", 0xFFFF: "\N{REPLACEMENT CHARACTER}"}
