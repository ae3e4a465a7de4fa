"""``make bench``: how fast the bot is, each figure beside a yardstick that ran in the same minutes."""
