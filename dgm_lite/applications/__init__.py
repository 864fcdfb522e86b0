"""Models at work: fooling and guarding a classifier, deciding, noticing, asking, and the systems of figure 3."""
