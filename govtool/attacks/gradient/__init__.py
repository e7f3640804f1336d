"""What does one update of federated learning give away about the records it was computed from?"""
