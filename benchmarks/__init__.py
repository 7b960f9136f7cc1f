"""Commands that measure: each number in ``docs/`` names the one that makes it again."""
