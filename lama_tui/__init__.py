"""lama: a full-screen terminal workspace for talking to language models."""

__version__ = "0.1.0"
