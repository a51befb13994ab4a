"""Draw the charts of a report as SVG for its page, in any size of screen (`Layout`).

May import markupsafe, the report's data, confirmation's result and core; nothing that plots.
`svg` has the marks and the axis (`Scale`), `curves` the scores of all trainings over kimg
(`Box`, `ChartLabel`), and `plots` the confirmation and each parameter.
A trial passes as `TrialData` and becomes a line with a dot a rung.
"""
