"""skypile: raw crawls, books, papers and code to a bilingual pretraining corpus, after Skywork-13B.

`skypile.stages` is the paper, one module a step; `skypile.kernels` the pure functions under it;
`skypile.spark` the only Spark plumbing. The design and its contracts: docs/design.md.
"""

__version__ = "0.1.0"
