"""Parallel text: pair formats, alignment by length, anchors, checks of pairs."""
