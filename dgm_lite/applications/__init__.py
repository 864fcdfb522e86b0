"""Models at work: fooling a classifier and guarding it, deciding, noticing, asking; the essay's figure 3."""
