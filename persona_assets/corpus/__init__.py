"""The corpus: files of web text, published personas and instructions, read in a bounded memory.

`shards` finds the files and cuts them into shards, `documents` makes the passages of `web_text`,
`personas` reads published persona sets and `instructions` reads instruction sets. Below them, `readers`
streams the raw records of every file format.
"""
