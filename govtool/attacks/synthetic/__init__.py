"""Does a synthetic table point back to the people it was made from? The three criteria of WP29 Opinion 05/2014, and copies."""
