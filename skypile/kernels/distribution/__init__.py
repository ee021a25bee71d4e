"""Semantic distribution filtering: blocks, their vectors, how often what they say recurs."""
