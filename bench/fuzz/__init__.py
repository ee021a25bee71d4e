"""Fuzzing: hostile input, led by coverage, against laws that hold for every input (`make fuzz`)."""
