"""Codecs: integers to bytes and back, with the probabilities of a model."""
