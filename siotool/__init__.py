"""siotool: how many servers does a Socket.IO service need, and how do we know?"""
