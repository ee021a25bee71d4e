"""Bytes to records: containers, WARC and ARC, HTTP, charsets, pages, ids."""
