"""The container image: what its Dockerfile makes, and manifests rely on."""

from types import SimpleNamespace

#: The user of the image, and its group; Kubernetes checks by number that it is not root.
USER = 10_001
#: Where a run is kept, where its token is, and where what a run needs is mounted.
REPORTS, TOKEN, LOAD = "/reports", "/run/siotool/token", "/load"
#: Where the run listens for workers: Locust's own port.
PORT = 5557
#: Python of the base image: the newest that siotool supports.
PYTHON = "3.13"

#: The same, for the templates.
IMAGE = SimpleNamespace(user=USER, reports=REPORTS, token=TOKEN, load=LOAD, port=PORT, python=PYTHON)
