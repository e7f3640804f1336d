"""Stored vectors of texts: can the texts be read back from them?"""
