"""What flows between the rooms: frozen nouns with one byte form. Never imports torch.

Import the module that holds a noun (`verilora.records.recipe`); this file stays empty so that
`verilora.records.adapter` needs the standard library alone.
"""
