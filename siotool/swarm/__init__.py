"""The generator: Socket.IO connections in Locust workers, and the parent that runs them."""
