"""Widgets see only values and messages."""
