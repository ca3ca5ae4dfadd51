"""A Socket.IO client on asyncio: connections, one file per transport, and what can go wrong with them."""
