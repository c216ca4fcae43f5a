"""Models on this machine: what is installed and what it is."""
