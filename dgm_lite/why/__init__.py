"""The experiments of part I: fooling a classifier and guarding it, deciding, noticing, asking."""
