"""The pure functions under the stages: of strings, arrays and bytes, without Spark, torch or a run.

A folder for each of the paper's steps, about in the order in which a document meets them:
`reading`, `wiki`, `ready_texts`, `extraction` and `fast_engine`, `quality`, `distribution`,
`dedup`, `code`, `parallel`, `decontamination`, `personal_data`, `mixing`, `tokenizer`. All use
`text`; `compiled` and `arrow` are the doors to Numba and to Arrow's buffers. No two folders import
each other in a circle (tests/test_layering.py).
"""
