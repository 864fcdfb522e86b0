"""What `python -m dgm_lite compare` measures, and the table that is made of it."""
