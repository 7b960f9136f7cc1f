"""What a person gets who points: clicks and boxes, the same ones for every method."""
