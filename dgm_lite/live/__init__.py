"""Figures that run in the reader's browser, with or without a kernel."""
