"""Real data that is there without a network: every set is packed with the package or a library."""
