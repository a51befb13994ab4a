"""One GAN: its configuration, its networks, their updates, and the trainer on top.

May import core alone, and knows no FID and no files of a training. `config` stands below
`networks`, these below `updates`, and both below `user_code` and `Trainer`, which takes a trial's
`GANConfig` and the images, and advances by steps. `Sampler` turns a generator into images.
"""
