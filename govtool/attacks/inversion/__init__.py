"""What do the weights show of a class?"""
