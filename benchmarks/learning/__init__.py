"""What folders learn, from what a person corrected and from themselves: the same draws for every method."""
