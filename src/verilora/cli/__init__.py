"""The door: one file per group of commands. Knows every room, and how nothing in them is done."""
