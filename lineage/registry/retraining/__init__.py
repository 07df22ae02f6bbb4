"""When to retrain a model: its metric at each age, by verdicts, outcomes and estimates.

:mod:`.verdicts` and :mod:`.windows` read what was measured and what is estimated, :mod:`.alarms`
for how long versions were watched; :mod:`.advice` tells what they say.
"""
