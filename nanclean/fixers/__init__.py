"""The fixers: one file each, named as it is written in a policy."""
