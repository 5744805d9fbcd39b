"""The pacing table: every pacer in every world, several seeds, compared at equal abandonment.

Takes hours on one core, most of them for 200 and 500 agents. Ends with exit code 1 if another
pacer is ahead of Furrow.

python bench/pacing.py                 the whole table, as CSV and as a drawing, in .cache/
python bench/pacing.py --agents 20     a part of it; options as for `furrow simulate-pacing`
"""

import sys
from pathlib import Path

from furrow.config.simulate_pacing import main
from furrow.science.pacing_floor import scenarios

CACHE = Path(__file__).parent.parent / ".cache" / "bench"

if __name__ == "__main__":
    CACHE.mkdir(parents=True, exist_ok=True)
    defaults = {
        "--agents": ["10", "20", "50", "100", "200", "500"],
        "--world": list(scenarios(1)),
        "--seeds": ["3"],
        "--frontier": [],
        "--csv": [str(CACHE / "pacing.csv")],
        "--svg": [str(CACHE / "pacing.svg")],
    }
    given = sys.argv[1:]
    for option, values in defaults.items():
        if option not in given:
            given += [option, *values]
    sys.exit(main(given))
