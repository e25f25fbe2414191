"""The tables of docs/PERF.md, from what the lanes took."""

from statistics import mean


def seconds(figure):
    return f"{figure:.3f}" if figure < 0.1 else f"{figure:.2f}"


def size(bytes_):
    return f"{bytes_ / 1e6:.2f} MB" if bytes_ >= 1e6 else f"{bytes_ / 1e3:.1f} kB"


class Tables:
    def __init__(self, corpus):
        self.corpus, self.taken, self.failed, self.lanes = corpus, {}, [], []

    def add(self, step, lane, figures):
        self.taken[step, lane] = figures
        if lane not in self.lanes:
            self.lanes.append(lane)

    def fail(self, lane, why):
        self.failed.append(f"{lane}: {why}")

    def hours(self, lane, first, last):
        """The figures of these hours, but for those that a lane did not reach."""
        steps = [self.taken.get((f"hour {hour}", lane)) for hour in range(first, last + 1)]
        return [figures for figures in steps if figures]

    def storing(self):
        yield "| | first: CPU s | wall s | bytes | files | memory MB | an hour of 0.1 %: CPU s | wall s | bytes | an hour of 1 %: CPU s | bytes | memory MB |"
        yield "|" + " --- |" * 12
        for lane in self.lanes:
            first = self.taken.get(("hour 0", lane))
            few = self.hours(lane, 1, self.corpus.hours)
            many = self.hours(lane, self.corpus.hours + 1, self.corpus.last)
            if not (first and few and many):
                continue
            memory = max(figures.memory for figures in few + many)
            cells = [
                lane, seconds(first.cpu), seconds(first.wall), size(first.grown), str(first.files), f"{first.memory / 1000:.0f}",
                seconds(mean(one.cpu for one in few)), seconds(mean(one.wall for one in few)), size(mean(one.grown for one in few)),
                seconds(mean(one.cpu for one in many)), size(mean(one.grown for one in many)), f"{memory / 1000:.0f}",
            ]
            yield "| " + " | ".join(cells) + " |"

    def asking(self):
        names = ["one", "versions", "neighbours", "ends", "bare", "check", "prune"]
        heads = ["one at the oldest time", "all versions of one", "diff of neighbours", "diff of the ends",
                 "first answer on a bare machine", "check of all data", "prune to two"]
        yield "| wall s (CPU s) | " + " | ".join(heads) + " |"
        yield "|" + " --- |" * (len(heads) + 1)
        for lane in self.lanes:
            cells = [self.taken.get((name, lane)) for name in names]
            texts = [f"{seconds(one.wall)} ({seconds(one.cpu)})" if one else "–" for one in cells]
            yield f"| {lane} | " + " | ".join(texts) + " |"

    def text(self):
        lines = [f"{self.corpus.users:,} users, {self.corpus.hours} hours of each churn, asked for `{self.corpus.key}`", ""]
        lines += [*self.storing(), "", *self.asking()]
        if self.failed:
            lines += ["", *(f"Not measured: {why}" for why in self.failed)]
        return "\n".join(lines)
