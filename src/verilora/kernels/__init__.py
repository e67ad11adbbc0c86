"""y = xWᵀ + s(xAᵀ)Bᵀ in several ways with one meaning. Knows tensors only, no modules."""
