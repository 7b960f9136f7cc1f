"""The recipe that grows the prompted network from random scenes. Nothing here opens a file."""
