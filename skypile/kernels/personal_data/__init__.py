"""Personal data, masked in linear time: candidates, checks, what surrounds them."""
