"""What lies over everything else or holds it: the screen of panes, the command line, the palette, help and lists.

May use panes and actions; knows no application.
"""
