"""Where generative models are used: the systems of the essay's figure 3."""
