"""TLS of a target: what is trusted, what is shown, which name is asked for."""

import ssl

from siotool.client.choices import TlsOptions
from siotool.errors import InputError


def context(options: TlsOptions) -> ssl.SSLContext:
    """The context of all connections of a run. Raises InputError for a file that is no certificate or key."""
    try:
        made = ssl.create_default_context(cafile=options.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise InputError(
            f"cannot read certificates from {options.ca_file}: {_why(error)}", "give a file in PEM form"
        ) from error
    if options.insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if options.cert_file:
        try:
            made.load_cert_chain(options.cert_file, options.key_file or None, password=_no_password)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise InputError(
                f"cannot read the client certificate {options.cert_file}: {_why(error)}",
                "give the certificate and its key, unencrypted, in PEM form",
            ) from error
    return made


def _no_password() -> str:
    raise ValueError("its key is encrypted")


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        nothing = (None, "NO_START_LINE", "NO_CERTIFICATE_OR_CRL_FOUND")
        return "no certificate or key in it" if error.reason in nothing else str(error.reason)
    return getattr(error, "strerror", None) or str(error)
