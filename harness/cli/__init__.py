"""What the commands share: manners, options, and what they show at a terminal.

`main` is the console script `gansweep`; `app` turns errors into one message and an exit code;
`options` holds the options that several commands have, in panels; `display` is the live table and
the plain lines. A trial passes as events that `display` hears. This room may import every other
but the commands.
"""
