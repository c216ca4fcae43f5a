"""The lama command: the only place that prints."""
