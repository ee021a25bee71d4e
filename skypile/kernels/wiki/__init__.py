"""Wikipedia dumps: XML read as a stream, wikitext to text, templates, what articles cite."""
