"""The paper's experiments at a size that a CPU can do: one module and one make target each.

Each writes OUT/NAME.json, NAME.md (a table beside the paper's) and NAME.png, prints the table.
"""
