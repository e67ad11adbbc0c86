"""The pages of a registry and its interface for programs. Needs the extra `web`; never torch."""
