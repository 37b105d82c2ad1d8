"""What is stepped: the modules, optimizers, loader and step of one training program."""
