"""Turn images into comparable numbers; knows no GAN."""
