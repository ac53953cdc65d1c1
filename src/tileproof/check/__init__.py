"""Static checks: what is wrong with a design or its tile code, said before anything runs.

`catalogue` lists the checks; `run.check_design` applies them; each module between holds one group.
"""
