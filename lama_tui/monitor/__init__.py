"""Probes, the sampler and the history of samples."""
