"""govtool: privacy governance for machine-learning models, from Data-BOM to breach notice."""

__version__ = "0.1.0"
