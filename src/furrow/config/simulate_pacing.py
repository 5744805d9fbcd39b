"""`furrow simulate-pacing`: try the dialer's pacing on a floor that exists only as numbers."""

import argparse
import csv
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import fmean

import numpy as np

from furrow.science.pacing import Pacer
from furrow.science.pacing_baselines import Issabel, OmniDialer, OverDial, Vicidial
from furrow.science.pacing_floor import Paces, run, scenarios

PACERS: Mapping[str, Callable[[float, float], Paces]] = {  # from abandon limit and hours
    "furrow": lambda limit, hours: Pacer(limit),
    "progressive": lambda limit, hours: OverDial(1.0),
    "overdial-2": lambda limit, hours: OverDial(2.0),
    "overdial-3": lambda limit, hours: OverDial(3.0),
    "overdial-4": lambda limit, hours: OverDial(4.0),
    "vicidial-ratio-2": lambda limit, hours: Vicidial("ratio", level=2.0),
    "vicidial-ratio-3-tuned": lambda limit, hours: Vicidial("ratio", level=3.0, ready_only=True),
    "vicidial-hard": lambda limit, hours: Vicidial("hard_limit"),
    "vicidial-average": lambda limit, hours: Vicidial("average"),
    "vicidial-tapered": lambda limit, hours: Vicidial("tapered", shift_hours=hours),
    "vicidial-hard-tuned": lambda limit, hours: Vicidial(
        "hard_limit", highest=6.0, ready_only=True
    ),
    "vicidial-average-tuned": lambda limit, hours: Vicidial(
        "average", highest=6.0, ready_only=True
    ),
    "vicidial-tapered-tuned": lambda limit, hours: Vicidial(
        "tapered", highest=6.0, ready_only=True, shift_hours=hours
    ),
    "omnidialer": lambda limit, hours: OmniDialer(),
    "issabel": lambda limit, hours: Issabel(),
}


# Limits at which Furrow is run to draw its frontier, beside the one asked for.
FRONTIER_LIMITS = (0.0, 1e-5, 2e-4, 2e-3, 8e-3, 0.05, 0.1, 0.2, 0.4)
_LEEWAY = 0.003  # occupancy by which chance may set two equal pacers apart


@dataclass(frozen=True)
class Row:
    """One pacer in one world with so many agents, over all seeds. Shares are 0 to 1."""

    world: str
    agents: int
    pacer: str
    limit: float
    occupancy: float
    abandon_rate: float
    worst_seed: float
    worst_hour: float


def simulate(world: str, agents: int, pacer: str, *, limit: float, seeds: int, hours: float) -> Row:
    """Run one pacer in one world, once per seed."""
    scenario = scenarios(agents, hours)[world]
    results = [run(scenario, PACERS[pacer](limit, hours), seed=seed) for seed in range(seeds)]
    return Row(
        world=world,
        agents=agents,
        pacer=pacer,
        limit=limit,
        occupancy=fmean(result.occupancy for result in results),
        abandon_rate=fmean(result.abandon_rate for result in results),
        worst_seed=max(result.abandon_rate for result in results),
        worst_hour=max(result.worst_hour() for result in results),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the simulations asked for and print one line each; 0 when all went well."""
    options = _parse(argv)
    rows: list[Row] = []
    more_limits = FRONTIER_LIMITS if options.frontier else ()
    _say("world", "agents", "pacer", "busy %", "abandoned %", "worst seed", "worst hour")
    for world in options.world:
        for agents in options.agents:
            for pacer in options.pacer:
                for limit in (options.limit, *(more_limits if pacer == "furrow" else ())):
                    row = simulate(
                        world,
                        agents,
                        pacer,
                        limit=limit,
                        seeds=options.seeds,
                        hours=options.hours,
                    )
                    rows.append(row)
                    _say(*_cells(row))
    if options.csv:
        with options.csv.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(Row.__dataclass_fields__)
            writer.writerows(list(vars(row).values()) for row in rows)
    if options.svg:
        options.svg.write_text(frontier(rows), encoding="utf-8")
    if not options.frontier:
        return 0
    behind = ahead_of_furrow(rows)
    for sentence in behind or ["Furrow is ahead of every other pacer at equal abandonment."]:
        sys.stdout.write(sentence + "\n")
    return 1 if behind else 0


def ahead_of_furrow(rows: Sequence[Row]) -> list[str]:
    """A sentence for each pacer that keeps agents busier than Furrow while abandoning no more.

    Furrow at different limits makes a curve; between two limits it is taken as straight. What
    abandons more than Furrow at its highest limit is compared with that one. Differences below
    0.3 % of the time are chance.
    """
    curves: dict[tuple[str, int], list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.abandon_rate):
        if row.pacer == "furrow":
            curves.setdefault((row.world, row.agents), []).append(row)
    sentences = []
    for row in rows:
        curve = curves.get((row.world, row.agents), [])
        if row.pacer == "furrow" or not curve:
            continue
        ours = _occupancy_at(row.abandon_rate, curve)
        if row.occupancy > ours + _LEEWAY:
            sentences.append(
                f"{row.pacer} is ahead with {row.agents} agents in {row.world!r}: "
                f"{100 * row.occupancy:.1f} % busy at {100 * row.abandon_rate:.2f} % abandoned, "
                f"Furrow {100 * ours:.1f} %."
            )
    return sentences


def _occupancy_at(abandon_rate: float, curve: Sequence[Row]) -> float:
    """The occupancy of a curve, sorted by abandonment, where so many are abandoned."""
    between = np.interp(
        abandon_rate, [row.abandon_rate for row in curve], [row.occupancy for row in curve]
    )
    reached = [row.occupancy for row in curve if row.abandon_rate <= abandon_rate]
    return max([float(between), *reached])


def frontier(rows: Sequence[Row]) -> str:
    """Draw occupancy (up) against abandonment (right) as SVG, one dot per row.

    The dots of Furrow, at its several limits, are joined.
    """
    width, height, left, top = 720, 440, 60, 20
    inner_width, inner_height = width - left - 200, height - top - 50
    most = 0.10  # abandonment drawn; what lies beyond is drawn at the edge
    colours = (
        "#206bc4",
        "#d63939",
        "#2fb344",
        "#f76707",
        "#ae3ec9",
        "#4263eb",
        "#0ca678",
        "#667382",
    )
    names = list(dict.fromkeys(row.pacer for row in rows))

    def place_of(row: Row) -> tuple[float, float]:
        x = left + inner_width * min(row.abandon_rate, most) / most
        return x, top + inner_height * (1 - (max(row.occupancy, 0.5) - 0.5) / 0.5)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for tick in range(6):
        x, y = left + inner_width * tick / 5, top + inner_height * (1 - tick / 5)
        parts.append(f'<text x="{x:.0f}" y="{height - 30}">{tick * 2} %</text>')
        parts.append(f'<text x="15" y="{y:.0f}">{50 + tick * 10} %</text>')
        parts.append(f'<path d="M{left} {y:.0f}h{inner_width}" stroke="#ddd" stroke-width="1"/>')
    parts.append(f'<text x="{left}" y="{height - 10}">abandoned, of people answered</text>')
    for row in rows:
        x, y = place_of(row)
        colour = colours[names.index(row.pacer) % len(colours)]
        title = f"{row.pacer}, {row.agents} agents, {row.world}"
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}">')
        parts.append(f"<title>{title}</title></circle>")
    for (_, _), curve in groupby(
        sorted(
            (row for row in rows if row.pacer == "furrow"),
            key=lambda row: (row.world, row.agents, row.abandon_rate),
        ),
        key=lambda row: (row.world, row.agents),
    ):
        points = " ".join("{:.1f},{:.1f}".format(*place_of(row)) for row in curve)
        line = colours[names.index("furrow") % len(colours)]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{line}" opacity="0.4"/>')
    for place, name in enumerate(names):
        y = top + 16 * place
        colour = colours[place % len(colours)]
        parts.append(f'<circle cx="{width - 180}" cy="{y}" r="4" fill="{colour}"/>')
        parts.append(f'<text x="{width - 170}" y="{y + 4}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    worlds = tuple(scenarios(1))
    parser = argparse.ArgumentParser(
        prog="furrow simulate-pacing",
        description="Try the dialer's pacing beside the rules of other dialers, in simulated "
        "hours. Busy and abandoned are counted after the first half hour; the worst hour is the "
        "worst hour-long window after the first hour.",
        epilog="Example: furrow simulate-pacing --agents 20 50 --pacer furrow vicidial-hard",
    )
    parser.add_argument("--agents", type=int, nargs="+", default=[20], metavar="N")
    parser.add_argument("--world", nargs="+", default=["stationary"], choices=worlds)
    parser.add_argument("--pacer", nargs="+", default=list(PACERS), choices=list(PACERS))
    parser.add_argument("--limit", type=float, default=0.025, help="abandon limit (0.025)")
    parser.add_argument("--seeds", type=int, default=1, help="runs per line of the table (1)")
    parser.add_argument("--hours", type=float, default=4.0, help="length of a run (4)")
    parser.add_argument(
        "--frontier",
        action="store_true",
        help="run Furrow at many limits and compare at equal abandonment; "
        "exit code 1 if another pacer is ahead",
    )
    parser.add_argument("--csv", type=Path, help="also write the table here")
    parser.add_argument("--svg", type=Path, help="also draw the frontier here")
    return parser.parse_args(argv)


def _cells(row: Row) -> tuple[str, ...]:
    shares = (row.occupancy, row.abandon_rate, row.worst_seed, row.worst_hour)
    pacer = f"{row.pacer} {100 * row.limit:g} %" if row.pacer == "furrow" else row.pacer
    return (row.world, str(row.agents), pacer, *(f"{100 * share:.1f}" for share in shares))


def _say(*cells: str) -> None:
    widths = (18, 7, 24, 8, 12, 11, 11)
    line = "".join(
        f"{cell:<{width}}" if place in (0, 2) else f"{cell:>{width - 2}}  "
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    sys.stdout.write(line.rstrip() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
