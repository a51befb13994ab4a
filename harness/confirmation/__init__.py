"""Find out which of a search's leaders is really the best."""
