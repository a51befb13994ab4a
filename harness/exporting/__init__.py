"""Hand over the winner as files that stand alone."""
