"""Living with others: their trainers, their directories, their hub."""
