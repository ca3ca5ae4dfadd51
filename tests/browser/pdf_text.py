"""The text of a PDF as Chromium writes it: streams of glyphs, and a table of characters per font."""

import re
import unicodedata
import zlib


def text_of(pdf: bytes) -> str:
    """All text, in the order in which it is drawn, without any space: where lines break is not part of it."""
    objects = {int(n): (head, body) for n, head, body in _objects(pdf)}
    fonts = {
        number: _characters(objects[int(found[1])])
        for number, (head, _) in objects.items()
        if (found := re.search(rb"/ToUnicode (\d+) 0 R", head))
    }
    written = []
    for head, body in objects.values():
        content = _unpacked(head, body)
        if b"BT\n" not in content:
            continue
        font: dict[int, str] = {}
        for name, glyphs in re.findall(rb"/F(\d+) [\d.]+ Tf|<([0-9A-Fa-f]+)>(?= *Tj|[^>]*\] *TJ)", content):
            if name:
                font = fonts.get(int(name), {})
            else:
                written += [font.get(int(glyphs[at : at + 4], 16), "") for at in range(0, len(glyphs), 4)]
    return squeezed("".join(written))


def squeezed(text: str) -> str:
    """Text as it is compared: ligatures as their letters, no space, nothing that is not shown."""
    plain = unicodedata.normalize("NFKC", text)
    return "".join(char for char in plain if not char.isspace() and char.isprintable())


def _objects(pdf: bytes) -> list[tuple[bytes, bytes, bytes]]:
    return re.findall(
        rb"(?:^|\n)(\d+) 0 obj\n<<(.*?)>>\s*(?:stream\r?\n(.*?)\r?\nendstream\s*)?endobj", pdf, re.S
    )


def _unpacked(head: bytes, body: bytes) -> bytes:
    return zlib.decompress(body) if body and b"/FlateDecode" in head else body


def _characters(cmap: tuple[bytes, bytes]) -> dict[int, str]:
    """Glyph → character, of a ToUnicode table."""
    table = _unpacked(*cmap).decode("ascii")
    found: dict[int, str] = {}
    for kind, lines in re.findall(r"beginbf(char|range)\n(.*?)endbf", table, re.S):
        for line in lines.splitlines():
            first, *rest = (part.strip("<>") for part in line.split())
            if kind == "char":
                found[int(first, 16)] = _decoded(rest[0])
                continue
            begin = int(rest[1], 16)
            for glyph in range(int(first, 16), int(rest[0], 16) + 1):
                found[glyph] = chr(begin + glyph - int(first, 16))
    return found


def _decoded(characters: str) -> str:
    return bytes.fromhex(characters).decode("utf-16-be")
