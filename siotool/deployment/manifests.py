"""Writes what runs a load test on Kubernetes or with Docker Compose.

The templates are beside this file, and ``image`` has what they share. Their fields are those of batch/v1 and
v1 (kubernetes.io/docs/reference/kubernetes-api) and of the Compose Specification (github.com/compose-spec).
"""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from siotool.deployment.image import IMAGE
from siotool.errors import InputError
from siotool.yaml_template import filled, yaml_string

Kind = Literal["kubernetes", "compose"]

#: A Secret of Kubernetes holds so much (kubernetes.io/docs/concepts/configuration/secret).
MOST_BYTES = 1_000_000
#: Names have 63 characters, of which "-workers-" and a number of a pod are added.
_NAME_AT_MOST = 40


class LoadFile(msgspec.Struct, frozen=True):
    """A file that the run needs: its ``path`` below ``image.LOAD``, and its absolute path here."""

    path: str
    source: str
    contents: bytes


class Deployed(msgspec.Struct, frozen=True):
    """A run and its workers, each of which is a container with one process.

    ``arguments`` are those of ``siotool``, for the run. ``variables`` hold options that may be secret. Memory
    is what containers ask for; None where it is not known what a worker needs, and nothing may limit it.
    """

    name: str
    image: str
    workers: int
    token: str
    arguments: Sequence[str]
    run_megabytes: int
    worker_megabytes: int | None
    variables: Mapping[str, str] = {}
    files: Sequence[LoadFile] = ()


def deployed_name(scenario: str) -> str:
    """A name that Kubernetes takes (RFC 1123), made of a scenario's."""
    plain = re.sub(r"[^a-z0-9]+", "-", scenario.lower()).strip("-")
    return f"siotool-{plain}"[:_NAME_AT_MOST].rstrip("-")


def manifest(kind: Kind, deployed: Deployed) -> str:
    """Write what runs it. Raises InputError for more files than Kubernetes carries to a pod."""
    size = sum(len(base64.b64encode(file.contents)) for file in deployed.files)
    if kind == "kubernetes" and size > MOST_BYTES:
        raise InputError(
            f"the scenario and the files of the options are {size:,} bytes; "
            f"a Secret of Kubernetes holds {MOST_BYTES:,}",
            "put them into an image of your own (FROM siotool, COPY …), and name that: --image",
        )
    return rendered(f"{kind}.yaml", deployed=deployed)


def rendered(name: str, **values: object) -> str:
    """Fill in a template of this folder; the repository's Dockerfile is made so, too."""
    filters: dict[str, Callable[..., str]] = {"dollars": _dollars, "base64": _base64}
    return filled("siotool.deployment", name, filters, image=IMAGE, **values)


def _dollars(text: str) -> str:
    """A text in which both see variables: Compose $NAME of the shell, Kubernetes $(NAME); $$ is a $ to both.

    Source: compose-spec, "Interpolation"; Kubernetes' API, ``args`` of a Container.
    """
    return yaml_string(text.replace("$", "$$"))


def _base64(contents: bytes) -> str:
    return base64.b64encode(contents).decode() or '""'
