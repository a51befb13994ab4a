"""Show studies in a notebook: live in the cell that runs one, as tables and pictures after it.

`live_cell` has the listener that a cell shows (`LiveCell`) and says whether there is a notebook;
`result_html` what a study and a confirmation look like, `chart_image` their charts. May import
every room but commands and `api`; IPython alone of what a notebook has, where it is loaded.
A trial passes as events that `LiveCell` hears, and becomes a row of a table.
"""
