"""What the commands share: manners, options, and what they show at a terminal."""
