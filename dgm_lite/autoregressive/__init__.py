"""Autoregressive models: p(x) as a product of one-dimensional conditionals."""
