"""A load test that cannot connect says what a probe of its target would say."""

from collections.abc import Iterator
from contextlib import contextmanager

from siotool.client.failures import ClientFailure
from siotool.client.secret_texts import secrets_of
from siotool.errors import TargetError
from siotool.swarm.native import run_natively
from siotool.swarm.preflight import PreflightError
from siotool.swarm.redaction import Redaction


@contextmanager
def explained() -> Iterator[None]:
    """Say what a probe finds instead of how the first connection failed, unless it finds nothing."""
    try:
        yield
    except PreflightError as error:
        from siotool.probe.diagnose import diagnose
        from siotool.probe.explanation import IDS, explain
        from siotool.probe.probe_settings import ProbeSettings

        tried = error.settings
        settings = ProbeSettings(target=tried.target, identity=tried.identity, tls=tried.tls)
        found = explain(run_natively(lambda: diagnose(settings, IDS)))
        if found is None:
            raise
        said, remedy = found
        if isinstance(error.__cause__, ClientFailure) and error.__cause__.data is not None:
            said += f". The server's data: {error.__cause__.quoted_data}"
        redaction = Redaction(secrets_of(tried.identity))
        raise TargetError(redaction.apply(said), remedy) from error
