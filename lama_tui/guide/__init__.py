"""The built-in model: its corpus, its weights and the script that trains it."""
