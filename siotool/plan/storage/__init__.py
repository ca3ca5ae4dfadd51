"""The backlog of users that are offline, in a relational and in a document store."""
