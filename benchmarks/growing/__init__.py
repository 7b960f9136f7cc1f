"""What the scenes' properties and the length of growing are worth on pictures."""
