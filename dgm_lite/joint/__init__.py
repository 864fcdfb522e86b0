"""Models of an object and its label together, p(x, y)."""
