"""Answer what people ask of a generator, in a bundle as in this package.

Each module stands alone beside `generate.py`, which loads it by its file: it imports none of the
others and nothing of this package, only NumPy, Pillow, and where it is needed Keras or PyAV. A
trial passes as its generator. `answers` is for `generate.py`; the rest is for both.
"""
