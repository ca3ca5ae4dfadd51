"""The embedded Socket.IO chat server."""
