"""Given all else about a person and the model, can the sensitive attribute be inferred, better than without the model?"""
