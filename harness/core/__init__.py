"""What every other room stands on: errors, events, scores, seeds, files and locks.

It imports no other room and nothing heavy, so that a command's help is quick. A trial passes as
`events` from its worker and ends as an `Outcome` with `Score`s; `files` writes each result whole
or not at all, and `option_values` names what options may hold.
"""
