"""How fast models are here: measured, and estimated for those that are like what was measured."""
