"""Credentials, redaction, and the gate that makes untrusted text safe for a terminal."""
