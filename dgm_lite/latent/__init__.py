"""Latent variable models: p(x) as an average over hidden causes."""
