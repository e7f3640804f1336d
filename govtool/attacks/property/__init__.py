"""Does the model give away a property of its training set as a whole? A group-level risk; see `assembly`."""
