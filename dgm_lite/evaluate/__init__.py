"""Measures: likelihoods with their unit and kind, decisions, and samples against data."""
