"""Hold connections and send nothing: what an idle session costs.

Only heartbeats travel. Compare the server's memory and CPU at different numbers of users
to learn what one more idle session takes.
"""

from siotool.swarm.user import SocketIOUser, task


class Idle(SocketIOUser):
    """Connects and stays."""

    arrival = "constant"  # nothing is scheduled

    @task
    def idle(self) -> None:
        self.hold()
