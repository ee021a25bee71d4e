"""`skypile release`: a corpus as files with a data card, licences and checksums."""
