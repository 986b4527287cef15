"""`python -m bench.capacity` prints the tables of docs/scaling.md, `--write` writes it. Nothing is measured."""

import argparse
import sys

from bench.capacity import page
from bench.capacity.costs import costs_of, load_performance, load_scaling
from bench.capacity.model import Plan
from bench.servers import ROOT

PAGE = ROOT / "docs" / "scaling.md"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.capacity", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/scaling.md")
    options = parser.parse_args(arguments)
    facts = load_scaling()
    costs, plan = costs_of(load_performance(), facts), Plan()
    if options.write:
        PAGE.write_text(page.page(costs, plan, facts))
        print(f"written: {PAGE}", file=sys.stderr)
    else:
        print(page.tables(costs, plan, facts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
