"""Exercises that check themselves: ``from dgm_lite.exercises.two_ways import q1``."""
