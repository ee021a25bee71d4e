"""Benchmarks' items in a corpus: their n-grams, and where they stand in a text."""
