"""Text that somebody else chose, made safe to show: on a terminal, in a log, on a page."""

#: A line of words, and a cell of a table, are shown up to so many characters.
LINE_AT_MOST = 1000
CELL_AT_MOST = 300


def printable(text: str, most: int | None = None) -> str:
    """Replace what could move a cursor, hide or reverse text, or break a file; shorten to ``most``.

    Control characters, escapes, marks that change the direction of writing, characters without a
    width and lone surrogates become U+FFFD. Line ends stay.
    """
    if most is not None and len(text) > most:
        text = f"{text[: most - 1]}…"
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text
    )


def one_line(text: str, most: int = LINE_AT_MOST) -> str:
    """The same on one line, its white space made single spaces."""
    return printable(" ".join(text.split()), most)


def escaped(text: str) -> str:
    """The same characters of a JSON text as escapes (``\\u202e``): who reads it gets what there was.

    Line ends stay: those within strings are escapes already.
    """
    if text.replace("\n", "").isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else _escape(char) for char in text)


def _escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
