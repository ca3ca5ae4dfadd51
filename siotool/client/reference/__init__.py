"""The reference client: python-socketio's own, used and counted as the native one."""
