"""The command line: one file for each command, which only loads what it needs once it runs.

``--help`` would otherwise wait for torch.
"""
