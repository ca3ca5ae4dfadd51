"""Which revision of Engine.IO a target speaks, found with the fewest requests."""

from siotool.probe.probe_settings import ProbeSettings
from siotool.probe.survey import REVISIONS, poll, upgrade
from siotool.probe.wire import Wire, trusting
from siotool.protocol.engine_io import Revision


async def find_eio(settings: ProbeSettings) -> Revision | None:
    """The newest revision in which a session opens; None where none does.

    One request is enough for most targets: a server of revision 3 answers in its own framing, whatever
    it is asked. Redirects are not followed. Raises InputError for a CA file that is none.
    """
    wire = Wire(settings, trusting(settings) if settings.secure else None)
    for revision in REVISIONS:
        polled = await poll(wire, revision)
        if polled.opening is not None:
            return polled.opening.revision
        upgraded = await upgrade(wire, revision)
        if upgraded.opening is not None:
            return upgraded.opening.revision
    return None
