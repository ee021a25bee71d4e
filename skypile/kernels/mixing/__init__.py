"""The mixture: the paper's categories, what is held out, shares and the rule of five."""
