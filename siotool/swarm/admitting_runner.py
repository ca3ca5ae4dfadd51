"""Locust's master of a run, which gives users to a worker that comes late only when it is let in."""

from typing import Any

import locust.runners
from locust.env import Environment
from locust.runners import WorkerNode


class MasterRunner(locust.runners.MasterRunner):
    """Locust's, but for who gets users. Hooks of scenarios ask for its name.

    Locust shares out the users anew as soon as a worker says that it is there: before it knows when the run
    began, or can hear of anything.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        #: True once all workers are there that the run begins with.
        self.complete = False
        self._admitted: set[str] = set()
        #: Who has said that it is a worker. Machines speak here too.
        self._workers: set[str] = set()
        super().__init__(*arguments, **settings)

    def handle_message(self, client_id: str, msg: Any) -> None:
        """Do what a worker's message says."""
        if msg.type == "client_ready":
            self._workers.add(client_id)
        if msg.type == "client_ready" and self.complete and client_id not in self._admitted:
            self.send_message("ack", {"index": self.get_worker_index(client_id)}, client_id)
            return
        if msg.type == "client_ready":
            self._admitted.add(client_id)
        super().handle_message(client_id, msg)

    def get_worker_index(self, client_id: str) -> int:
        """A worker's number for Locust, from 0 on; −1 for who is none.

        Locust asks for that of whoever sends it anything, and would give one to each.
        """
        if client_id not in self._workers:
            return -1
        number: Any = super().get_worker_index
        return int(number(client_id))

    def admit(self, client_id: str) -> None:
        """Let a worker in: it gets its share of the users when they are moved next."""
        self._admitted.add(client_id)
        hooks: Any = self.environment.events
        hooks.worker_connect.fire(client_id=client_id)
        node = WorkerNode(client_id, heartbeat_liveness=locust.runners.HEARTBEAT_LIVENESS)
        self.clients[client_id] = node
        if self._users_dispatcher is not None:  # None before the first user
            self._users_dispatcher.add_worker(node)

    def forget(self, client_id: str) -> None:
        """A worker is lost: the others get its share when users are moved next."""
        self._admitted.discard(client_id)
        node = self.clients.pop(client_id, None)
        if node is not None and self._users_dispatcher is not None:
            self._users_dispatcher.remove_worker(node)


def admitting_runner(environment: Environment, host: str, port: int) -> MasterRunner:
    """Listen for workers, as ``Environment.create_master_runner`` does."""
    runner: MasterRunner = environment._create_runner(
        MasterRunner, master_bind_host=host, master_bind_port=port
    )
    return runner
