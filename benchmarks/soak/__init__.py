"""A run is killed, starved and cut off, for real: does it lose more than what was in hand, and is the end the same?"""
