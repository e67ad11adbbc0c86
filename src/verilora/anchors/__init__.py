"""Known configurations, run again: is the machinery healthy?"""
