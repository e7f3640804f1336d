"""Was a record forgotten? The same records attacked in the model before, after, and in one retrained without them."""
