"""One reader a format: each makes a `Source` of files that cannot be trusted.

A new one is a function from a path to a `Source`, entered into `SCHEMES` in `data.datasets`. Sizes
are checked before memory is taken, and nothing in a file runs code. Readers import `data` and
`core`. A trial never passes here: its worker reads the images once.
"""
