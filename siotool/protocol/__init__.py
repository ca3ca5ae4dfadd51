"""The wire without I/O: Engine.IO and Socket.IO packets, session states, bytes."""
