"""What is stepped: modules, optimizers, loader and step of one training program. Knows neither tape nor history."""
