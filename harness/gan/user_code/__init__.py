"""Networks and losses of the user's own: found, imported and checked."""
