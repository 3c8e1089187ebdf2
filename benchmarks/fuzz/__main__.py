"""python -m benchmarks.fuzz --inputs 1000000 --scans 1000000 --seed 1 --json out.json

Spoilt inputs for every reader, then forged codes at a loaded site; exits with 1 when anything opened, had an effect or
raised what nobody documented.
"""

import argparse
import json
import sys
from pathlib import Path

from benchmarks.fuzz.run import fuzz
from benchmarks.fuzz.scans import scan_forgeries
from benchmarks.fuzz.targets import targets


def main() -> int:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=50_000, help="spoilt inputs, over all readers")
    parser.add_argument("--scans", type=int, default=10_000, help="forged codes shown at the site")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    asked = parser.parse_args()
    readers = fuzz(targets(), inputs=asked.inputs, seed=asked.seed)
    site = scan_forgeries(asked.scans, seed=asked.seed)
    figures = {"readers": readers.as_json(), "site": site.as_json()}
    print(json.dumps(figures, indent=1))
    if asked.json is not None:
        asked.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 1 if readers.violations or site.violations else 0


sys.exit(main())
