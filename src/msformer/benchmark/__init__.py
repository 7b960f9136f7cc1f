"""Methods against ground truth: which images (``datasets``), one run (``task``), all (``run``), what came of it."""
