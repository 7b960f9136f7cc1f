"""What a run costs beside its cases."""
