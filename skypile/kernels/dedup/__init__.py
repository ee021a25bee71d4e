"""MinHash deduplication: shingles, signatures, buckets, verified pairs, components."""
