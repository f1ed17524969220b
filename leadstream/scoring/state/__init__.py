"""What is kept of a lead, and its codec."""
