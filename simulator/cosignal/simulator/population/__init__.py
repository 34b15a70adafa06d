"""Who is there: people, households, places, regions.

======================================= ================================================
the arrays that everything else reads   `people`
small bundled tables, with sources      `tables`
a population made of them               `synthetic`, `households`, `ages`, `places`
contacts in the community               `remainder`, `stubs`
the user's own people and networks      `own`, `columns`, `network`
======================================= ================================================
"""
