"""Workbenches: with a kernel a reader trains or draws again with other settings; one file per chapter."""
