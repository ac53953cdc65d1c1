"""What is wrong with a design, its tile code or a built pair, said before anything runs.

`catalogue` lists the checks; `run.check_design` applies them; each module between holds one group.
"""
