"""Errata, supplements and answers for *Dive into Deep Learning*, with code that checks them.

Nothing is imported here: each page names the modules it uses (``from d2l_errata.verdict import verdict``), so that
the package stays light and a page is executed again only when a module it uses has changed.
"""
