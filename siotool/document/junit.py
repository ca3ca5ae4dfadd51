"""JUnit XML, as continuous integration reads it: one test case for each thing that was judged."""

from collections.abc import Sequence
from xml.etree import ElementTree

import msgspec

from siotool.printable import printable


class JudgedCase(msgspec.Struct, frozen=True):
    """One case. ``failure`` is empty where it passed; ``told`` is what a reader may want to know."""

    name: str
    told: str
    failure: str = ""


def render(suite: str, cases: Sequence[JudgedCase]) -> str:
    """Return the file. What could break it in foreign words is replaced."""
    failures = sum(bool(case.failure) for case in cases)
    counts = {"tests": str(len(cases)), "failures": str(failures)}
    root = ElementTree.Element("testsuites", counts)
    found = ElementTree.SubElement(root, "testsuite", {"name": printable(suite), **counts})
    for case in cases:
        element = ElementTree.SubElement(
            found, "testcase", {"classname": printable(suite), "name": printable(case.name)}
        )
        if case.failure:
            failed = ElementTree.SubElement(element, "failure", {"message": printable(case.failure)})
            failed.text = printable(case.told)
        else:
            ElementTree.SubElement(element, "system-out").text = printable(case.told)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False) + "\n"
