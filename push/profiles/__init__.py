"""Who people are, what they carry, and what they agreed to."""
