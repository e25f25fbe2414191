#!/usr/bin/env python3
"""The table of docs/PERF.md and the picture docs/year.svg, from what `run` measured.

usage: benches/year/curves.py FOLDER [FOLDER…] [--picture FILE]

Each FOLDER is one year, of an organisation of one size. The table goes to standard output.
"""

import argparse
import json
import pathlib
from statistics import median

HOURS_OF_MONTH = 730
COLOURS = ["#1f5fa8", "#c2571a", "#3c7a3c"]
WIDTH, HEIGHT, COLUMNS = 250, 150, 4

# What a panel shows: its title, what a figure is divided by, and the question and the figure, or the column of
# hours.csv, that it is of.
PANELS = [
    ("repository, MB", 1e6, "stored"),
    ("an hour, ms of CPU", 1e3, "hour"),
    ("a full sweep, s of CPU", 1e6, "sweep"),
    ("one snapshot in a fresh process, s", 1, ("snapshot", "cpu")),
    ("show --at the first hour, s", 1, ("show --at, the first hour", "cpu")),
    ("log of one resource, s", 1, ("log of one resource", "cpu")),
    ("diff of neighbours, s", 1, ("diff of neighbours", "cpu")),
    ("diff of the ends, s", 1, ("diff of the ends", "cpu")),
    ("find, s", 1, ("find", "cpu")),
    ("check, s", 1, ("check", "cpu")),
    ("rebuild-index, s", 1, ("rebuild-index", "cpu")),
    ("memory of show, MB", 1e3, ("show --at, the first hour", "memory")),
]


class Year:
    def __init__(self, folder):
        rows = [line.split(",") for line in (folder / "hours.csv").read_text().split()]
        self.hours = [[int(cell) for cell in row] for row in rows]
        self.figures = {int(hour): one for hour, one in json.loads((folder / "figures.json").read_text()).items()}
        self.resources = self.hours[0][3]

    def weeks(self):
        """The hours week by week; a first snapshot is like no other and is not among them."""
        hours = self.hours[1:]
        return [hours[at : at + 168] for at in range(0, len(hours), 168)]

    def line(self, of):
        """Points (hour, figure)."""
        if of == "stored":
            sum_, points = 0, []
            for hour, _, _, _, bytes_, *_ in self.hours:
                sum_ += bytes_
                points.append((hour, sum_))
            return points[::24]
        if of == "hour":
            return [(week[0][0], median(row[5] for row in week if not row[1])) for week in self.weeks()]
        if of == "sweep":
            return [(row[0], row[5]) for row in self.hours[1:] if row[1]]
        question, figure = of
        asked = [(hour, one.get(question, {})) for hour, one in sorted(self.figures.items())]
        return [(hour, one[figure]) for hour, one in asked if figure in one and "failed" not in one]


def picture(years):
    rows = -(-len(PANELS) // COLUMNS)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{COLUMNS * WIDTH}" height="{rows * HEIGHT + 30}" '
        'font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for at, year in enumerate(years):
        out.append(f'<text x="{10 + at * 200}" y="18" fill="{COLOURS[at]}" font-size="13">{year.resources:,} resources</text>')
    for at, (title, divisor, of) in enumerate(PANELS):
        out += panel(title, divisor, [year.line(of) for year in years], at % COLUMNS * WIDTH, at // COLUMNS * HEIGHT + 30)
    return "\n".join([*out, "</svg>", ""])


def panel(title, divisor, lines, left, top):
    x0, y0, wide, high = left + 42, top + 18, WIDTH - 58, HEIGHT - 48
    most = max((value / divisor for line in lines for _, value in line), default=0) or 1
    yield f'<text x="{left + 10}" y="{top + 10}">{title}</text>'
    yield f'<path d="M{x0} {y0}V{y0 + high}H{x0 + wide}" fill="none" stroke="#999"/>'
    for share in (0.5, 1):
        y = y0 + high * (1 - share)
        yield f'<path d="M{x0} {y:.1f}h{wide}" stroke="#ddd"/>'
        yield f'<text x="{x0 - 4}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{short(most * share)}</text>'
    for month in (1, 6, 12):
        yield f'<text x="{x0 + wide * month / 12:.1f}" y="{y0 + high + 14}" text-anchor="middle" fill="#555">{month}</text>'
    for line, colour in zip(lines, COLOURS):
        points = [
            (x0 + wide * hour / (12 * HOURS_OF_MONTH), y0 + high * (1 - value / divisor / most)) for hour, value in line
        ]
        if len(points) > 1:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            yield f'<polyline points="{path}" fill="none" stroke="{colour}"/>'
        if len(points) < 20:
            yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in points)


def short(value):
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def table(years):
    columns = [(year, hour) for year in years for hour in sorted(year.figures)]
    heads = [f"{year.resources:,}: month {hour / HOURS_OF_MONTH:g}" for year, hour in columns]
    yield "| CPU s (MB at the peak) | " + " | ".join(heads) + " |"
    yield "|" + " --- |" * (len(heads) + 1)
    stored = [year.figures[hour] for year, hour in columns]
    for name in ("repository", "index"):
        cells = [f"{one[name]['bytes'] / 1e6:,.0f} MB, {one[name]['files']:,} files" for one in stored]
        yield f"| {name} | " + " | ".join(cells) + " |"
    for name in dict.fromkeys(name for one in stored for name in one if name not in ("repository", "index")):
        yield f"| {name} | " + " | ".join(cell(one.get(name)) for one in stored) + " |"


def cell(figures):
    if not figures:
        return "–"
    if "failed" in figures:
        return figures["failed"].split(":")[0]
    return f"{figures['cpu']:.2f} ({figures['memory'] / 1e3:.0f})"


def main():
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("folders", type=pathlib.Path, nargs="+")
    ask.add_argument("--picture", type=pathlib.Path)
    asked = ask.parse_args()
    years = [Year(folder) for folder in asked.folders]
    print("\n".join(table(years)))
    if asked.picture:
        asked.picture.write_text(picture(years))


if __name__ == "__main__":
    main()
