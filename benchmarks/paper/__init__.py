"""The paper's tables made again, with and without the ground truth's help."""
