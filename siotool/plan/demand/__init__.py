"""What a service asks of its fleet: messages, connections, bytes."""
