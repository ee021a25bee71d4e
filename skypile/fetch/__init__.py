"""`skypile fetch`: archives of Common Crawl, or records by their address, over HTTP."""
