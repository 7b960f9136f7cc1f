"""Scores against a ground truth; the only package that is ever given one.

``protocols`` says what is scored and who picked it, ``metrics`` how a mask is scored, ``aggregate`` how the scores of
many cases are put together. Import the modules themselves: this one imports nothing, so it costs nothing.
"""
