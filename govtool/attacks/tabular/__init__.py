"""Given a person's label and the model's answer about them, can the rest of the record be put together?"""
