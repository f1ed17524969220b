"""How contributions fade, and what an accumulator keeps for it."""
