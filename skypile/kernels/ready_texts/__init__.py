"""Texts that need no extraction: JSON lines, Parquet, plain text, WET, with fields and metadata."""
