"""What a run's dataset says, as figures and pictures of it need it; no drawing, hence no HoloViews.

The served page makes pictures by ``pictures``, notebooks draw by ``figures``: what both read in a
dataset stands here, so that the page need not load what notebooks draw with.
"""
