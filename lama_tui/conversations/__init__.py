"""Conversations and messages: values and their tables."""
