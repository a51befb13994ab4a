"""Measures of images against a reference, each in a file of its name.

May import core and data, and knows no GAN. `Evaluator` takes arrays of images, an extractor's
features and one split, and gives a `Score` or many `Measurement`s; `Protocol` in core says what
makes two of them comparable. A trial passes at each of its rungs, and at its end.
"""
