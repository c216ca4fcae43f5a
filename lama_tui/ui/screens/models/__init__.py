"""The model browser: what is on this machine, what fits, and what is in memory."""
