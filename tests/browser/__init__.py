"""The pages in a real browser: what cannot be seen in their HTML."""
