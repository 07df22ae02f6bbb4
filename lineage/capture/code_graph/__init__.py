"""What a stage runs, followed statically: nothing of the repository is imported or executed.

>>> graph = CodeGraph(source)                                             # doctest: +SKIP
>>> code = graph.follow(StageToFollow(("python src/featurize.py",)))      # doctest: +SKIP
>>> print(code.why("src/common/scaling.py"))                              # doctest: +SKIP
src/common/scaling.py ← src/featurize.py:3 ← the command
"""
