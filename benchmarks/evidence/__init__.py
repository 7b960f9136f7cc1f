"""Fit what speaks for a region and how far an answer can be trusted; see how both hold on real sets."""
