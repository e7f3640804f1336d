"""Was this record, or this person, in the training data?"""
