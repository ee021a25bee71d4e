"""Looking at a finished run: what the report, `sample-docs`, `diff` and the notebooks read.

Nothing here computes what a stage computes, and nothing needs Spark. Memory and time are bounded:
what the manifests count is exact, everything else is read from as many parts as hold
`max_documents` documents, drawn by hash. Text is read for samples alone, and leaves masked.
"""
