"""What would a defence buy? Measured by attacks that know of it."""
