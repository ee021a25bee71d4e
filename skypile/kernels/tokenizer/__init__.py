"""The tokenizer: BPE vocabulary, the SentencePiece model, encoding, shards."""
