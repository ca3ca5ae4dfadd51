"""JUnit XML, as continuous integration reads it: one test case for each thing that was judged."""

import io
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal
from xml.etree import ElementTree

import msgspec
from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite
from junitparser.junitparser import SystemOut

from siotool.printable import printable


class JudgedCase(msgspec.Struct, frozen=True):
    """One case. ``failure`` is empty where it passed; ``told`` is what a reader may want to know.

    ``group`` is the last word of its class name. A failure of ``kind`` error says that something could not
    be judged. ``seconds`` is how long what was judged took.
    """

    name: str
    told: str
    failure: str = ""
    group: str = ""
    kind: Literal["failure", "error"] = "failure"
    seconds: float = 0.0


def render(
    suite: str,
    cases: Sequence[JudgedCase],
    *,
    properties: Mapping[str, str] = MappingProxyType({}),
    timestamp: str = "",
) -> str:
    """Return the file. What could break it in foreign words is replaced."""
    found = TestSuite(printable(suite))
    if timestamp:
        found.timestamp = printable(timestamp)
    for name, value in properties.items():
        found.add_property(printable(name), printable(value))
    found.add_testcases([_case(suite, case) for case in cases])
    root: Any = JUnitXml(printable(suite))
    root.add_testsuite(found)
    root.update_statistics()
    file = io.BytesIO()
    root.write(file)
    # Python 3.13 and those before it differ in what junitparser's own indentation writes
    tree = ElementTree.fromstring(file.getvalue())
    ElementTree.indent(tree)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(tree, encoding="unicode")}\n'


def _case(suite: str, case: JudgedCase) -> Any:
    group = f"{suite}.{case.group}" if case.group else suite
    element: Any = TestCase(printable(case.name), printable(group), round(case.seconds, 3))
    told = printable(case.told)
    if not case.failure:
        element.append(SystemOut(told))
        return element
    make = Failure if case.kind == "failure" else Error
    result = make(printable(case.failure), case.group or case.kind)
    result.text = told
    element.result = [result]
    return element
