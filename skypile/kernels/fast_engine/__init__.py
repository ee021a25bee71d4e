"""A page to text with the own engine: one scan, features of blocks, trees."""
