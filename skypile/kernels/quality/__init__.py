"""Quality: rules and signals, block lists, perplexity, the reference classifier, STEM."""
