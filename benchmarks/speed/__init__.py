"""How fast, how large: the step, the image, the folder, the memory, side by side with the released arithmetic."""
