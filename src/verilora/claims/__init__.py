"""Claims: facts with their sources, signed so that anyone can check them offline.

Knows records, keys and envelopes, never torch, a registry or a page. Import the module that holds
a name: `verilora.claims.verify`, `verilora.claims.envelope`.
"""
