"""The configuration of a training, its sections and the rules between them."""
