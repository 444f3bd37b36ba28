"""What a schedule does, what may be wrong with it, and which schedule a log of rates shows."""
