"""A page to text and structure, with trafilatura; the process that a page may break."""
