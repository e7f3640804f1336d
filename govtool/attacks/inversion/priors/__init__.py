"""What an attacker knows of such records before asking the model: generators learnt from public ones."""
