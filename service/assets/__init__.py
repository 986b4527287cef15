"""What a browser is sent of static/: made once, at the start, and kept in memory."""
