"""The trainer: the paper's model on token shards, with data and pipeline parallelism and ZeRO-1.

Imports neither `skypile` nor `pyspark`: it reads what the stages `tokens` and `plan` write
(docs/trainer.md). Read in this order: config, network, loss; mixture, order, data; schedule,
optimizer; layout, pipeline, engine; checkpoint; train.
"""
