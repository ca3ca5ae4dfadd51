"""A document as Markdown that fits a limit: for a job summary, or a comment on a pull request."""

from collections.abc import Sequence

import msgspec

from siotool.document import markdown
from siotool.document.document import Document, Section

#: Characters of a comment: what GitHub takes is 65,536; GitLab takes more.
COMMENT_BYTES = 65_000
#: Bytes of all summaries of one step, as GitHub takes them; what is larger is dropped whole.
SUMMARY_BYTES = 1 << 20


def within(document: Document, limit: int) -> str:
    """Return the document in at most ``limit`` bytes of UTF-8, or nothing where not even its answer fits.

    Sections are left out from the end; a sentence says which.
    """
    kept = list(document.sections)
    while True:
        written = _without(document, kept)
        if len(written.encode()) <= limit:
            return written
        if not kept:
            return ""
        kept.pop()


def _without(document: Document, kept: Sequence[Section]) -> str:
    written = markdown.render(msgspec.structs.replace(document, sections=kept)).rstrip() + "\n"
    left_out = document.sections[len(kept) :]
    if not left_out:
        return written
    names = ", ".join(section.title for section in left_out)
    return f"{written}\nCut here, as the page takes no more. Left out: {names}.\n"
