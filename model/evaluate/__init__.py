"""Judging a model by its language-model loss, as the paper does (sections 4.3, 5.1 and 5.2)."""
