"""What a model was validated on and what it sees, in counts: profiles, and what follows of them."""
