"""The embedded sample: pages written for this project, as WARC files, with the truth beside.

It proves plumbing. What it measures says nothing about the web: claims of quality need real data.
"""
