"""What the bot says and what it understands: pure functions of plain values."""
