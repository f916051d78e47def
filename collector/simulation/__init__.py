"""A made-up network, served as the two JSON files of the real one.

It is for demonstrations, tests and load. Members, callsigns, plans and movements are invented out
of a seed; only the airports are real. Remarks, server names and controllers' texts say SIMULATED.
"""
