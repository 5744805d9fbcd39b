"""Two real restaurant guides as two files with different headers, and which rows are the same.

They lie beside the repository, in ../shared/data; nobody's number in them is ever dialled.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

from furrow.config.places import REPOSITORY

FOLDER = REPOSITORY / ".." / "shared" / "data" / "er-fodors-zagats"
FODORS = ("name", "addr", "phone", "city", "type")
ZAGAT = ("eatery", "where to", "ring them", "place", "kitchen")  # nobody guesses all of these
BROKEN = ("nowhere diner", "1 main st.", "12", "boston", "diner")  # a row that cannot be imported


@dataclass(frozen=True)
class Guides:
    """Two files, where each restaurant stands in them (guide, line), and the true pairs."""

    files: dict[str, Path]
    sizes: dict[str, int]
    where: dict[int, tuple[str, int]]
    pairs: set[tuple[int, int]]


def exist() -> bool:
    return (FOLDER / "jedai_restaurantProfiles.csv").exists()


def write(folder: Path) -> Guides:
    """Both guides: Fodor's with commas, Zagat's with semicolons."""
    with (FOLDER / "jedai_restaurantProfiles.csv").open(encoding="utf-8") as file:
        restaurants = list(csv.DictReader(file, delimiter="|"))
    lines = (FOLDER / "jedai_duplicates.csv").read_text().split()
    pairs = {(int(one), int(other)) for one, other in (line.split("|") for line in lines)}
    seconds = {other for _one, other in pairs}
    rows: dict[str, list[tuple[str, ...]]] = {"fodors": [], "zagat": []}
    where = {}
    for number, restaurant in enumerate(restaurants):
        odd = number >= 2 * len(pairs) and number % 2
        guide = "zagat" if int(restaurant["id"]) in seconds or odd else "fodors"
        rows[guide].append(tuple(restaurant[key] for key in FODORS))
        where[int(restaurant["id"])] = guide, len(rows[guide])
    rows["fodors"].append(BROKEN)
    files = {}
    for guide, headers, mark in (("fodors", FODORS, ","), ("zagat", ZAGAT, ";")):
        files[guide] = folder / f"{guide}.csv"
        with files[guide].open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=mark).writerows([headers, *rows[guide]])
    return Guides(files, {guide: len(each) for guide, each in rows.items()}, where, pairs)
