"""Reports of serving hosts, recorded: many in one transaction of their own, each for itself.

The way of a batch:

1. :mod:`.batches` reads, in a transaction of the registry, what the slots of the batch declare, and
   looks at each report; one that is refused refuses itself alone.
2. :mod:`.places` puts the others in the places of the instances' last ones, in a transaction of the
   reports (:mod:`lineage.database.reports`). What the history is to be told of one is noted there.
3. :mod:`.telling` appends those events, in a transaction of the registry, if they do not stand
   there yet; then the notes are taken away. Who is killed in between leaves the notes to the next.
"""
