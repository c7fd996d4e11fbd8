"""``blob-exporter``: the HTTP API on the command line. For people and scripts; nothing of it is deployed."""
