"""Write a trial's kept generator as files that stand alone, each proven by its own runtime.

May import confirmation, study, metrics, gan, data, training, tracking and core. `export_bundle`
makes a `Bundle`: it draws with the kept generator (`Original`), writes each `Format`, and holds
the file to the same images (`verify`, a `Proof` each). A trial passes as a `Choice`: the confirmed
winner, the search's, or the one that was asked for.
"""
