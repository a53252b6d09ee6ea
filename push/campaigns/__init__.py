"""What a moment is answered with: candidates by index, one decision with its reasons, rendered text. Pure."""
