"""Adversarial models: a generator that only has to draw, and a discriminator that tells it how badly."""
