"""Newer revisions of installed models: found, fetched by what changed, switched to, and back."""
