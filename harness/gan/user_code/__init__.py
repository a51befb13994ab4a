"""Functions of the user's own: networks and losses in Python files that a configuration names.

May import core and the rest of gan but its trainer. `pin` finds the files and adds their hashes
to the names, `register_user_functions` imports and checks them before a trial is trained, and
`UserFunctions` carries their bytes from a search space to the workers.
"""
