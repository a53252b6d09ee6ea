"""What people may ask for: what is kept of them, that it be gone, and that nothing is kept longer than was said."""
