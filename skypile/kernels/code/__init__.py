"""Source code: its archives, languages, origin, licences, shares."""
