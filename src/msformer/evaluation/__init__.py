"""Scores against a ground truth.

A ground truth is seen here, and by ``msformer.benchmark``, ``msformer.demo`` and ``msformer evaluate``, which call this
package; nothing that makes a mask may import any of them, which import contracts hold.

``protocols`` says what is scored and who picked it, ``selection`` puts the protocols together, ``metrics`` says how a
mask is scored, ``aggregate`` how the scores of many cases are put together. Import the modules themselves: this one
imports nothing, so it costs nothing.
"""
