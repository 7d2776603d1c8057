#!/usr/bin/env python3
"""Reads the tables of a folder of results with pandas, and checks what it computes against the summary.

    protosim run coap-loss
    python3 examples/analyse.py results/coap-loss

It prints, for each point and application, the mean time of an answered exchange with its interval, and the share of
exchanges that were answered, once as a list and once as a pivot table. Both are computed from the table `exchanges` alone; where the
table `summary` says otherwise, the exit status is 1. Needs pandas (Debian: python3-pandas) and nothing else.
"""

import json
import math
import pathlib
import sys

import pandas as pd


def read_table(folder, name):
    """A table, from Parquet where pandas can (it needs pyarrow), else from CSV: both hold the same."""
    try:
        return pd.read_parquet(folder / f"{name}.parquet")
    except (ImportError, FileNotFoundError):
        return pd.read_csv(folder / f"{name}.csv")


def student_t(probability, df):
    """The quantile of Student's t: the density is integrated by Simpson's rule, and the answer found by halving."""
    factor = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)

    def beyond_zero(t, steps=2000):
        # With t = √df tan(u) the range stays short, whatever the degrees of freedom.
        end = math.atan(t / math.sqrt(df))
        width = end / steps
        terms = [math.cos(k * width) ** (df - 1) for k in range(steps + 1)]
        total = terms[0] + terms[-1] + 4 * sum(terms[1:-1:2]) + 2 * sum(terms[2:-1:2])
        return factor * math.sqrt(df) * total * width / 3

    low, high = 0.0, 1.0
    while beyond_zero(high) < probability - 0.5:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if beyond_zero(middle) < probability - 0.5 else (low, middle)
    return (low + high) / 2


def mean_interval(samples, confidence):
    """Mean of independent times, and the ends of its interval by Student's t, which no time below zero is in; NaN where one sample gives none."""
    mean = samples.mean()
    if len(samples) < 2:
        return pd.Series({"value": mean, "low": math.nan, "high": math.nan})
    half = student_t(0.5 + confidence / 2, len(samples) - 1) * samples.std(ddof=1) / math.sqrt(len(samples))
    return pd.Series({"value": mean, "low": max(mean - half, 0.0), "high": mean + half})


def completion(exchanges, confidence):
    """Mean completion of each point and application: over the means of replications, or over exchanges where there is one."""
    answered = exchanges[exchanges["counted"] & (exchanges["outcome"] == "response")]
    rows = []
    for (point, app), group in answered.groupby(["point", "app"]):
        samples = group.groupby("replication")["ended_after_s"].mean()
        if len(samples) == 1:
            samples = group["ended_after_s"]
        rows.append({"point": point, "app": app, **mean_interval(samples, confidence)})
    return pd.DataFrame(rows, columns=["point", "app", "value", "low", "high"])


def completed(exchanges):
    """The share of exchanges that were answered."""
    counted = exchanges[exchanges["counted"]]
    shares = (counted["outcome"] == "response").groupby([counted["point"], counted["app"]]).mean()
    return shares.rename("value").reset_index()


def check(computed, summary, metric, columns):
    """Compares with the summary's rows of a metric. Says how many values there were; ends the program where they differ."""
    said = summary[summary["metric"] == metric]
    both = computed.merge(said, on=["point", "app"], how="outer", suffixes=("", "_said"), indicator=True)
    alone = both[both["_merge"] != "both"]
    if not alone.empty:
        sys.exit(f"{metric}: in one of the two alone:\n{alone[['point', 'app', 'value', 'value_said']]}")
    compared = 0
    for column in columns:
        ours, theirs = both[column], both[f"{column}_said"]
        tolerance = 1e-9 * theirs.abs().clip(lower=both["value_said"].abs()) + 1e-12
        differs = ~(((ours - theirs).abs() <= tolerance) | (ours.isna() & theirs.isna()))
        if differs.any():
            sys.exit(f"{metric}: `{column}` differs from the summary:\n{both[differs][['point', 'app', column, f'{column}_said']]}")
        compared += int(theirs.notna().sum())
    print(f"{metric}: {compared} numbers agree with the summary")
    return compared


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    manifest = json.loads((folder / "manifest.json").read_text())
    exchanges, summary = read_table(folder, "exchanges"), read_table(folder, "summary")
    if exchanges.empty:
        sys.exit(f"{folder} has no exchanges")
    print(f"{manifest['title']}: {len(exchanges)} exchanges at {exchanges['point'].nunique()} points")

    times = completion(exchanges, summary["confidence"].iloc[0])
    shares = completed(exchanges)
    # What stands before the column `replication` is the point: its number, its variant, the values of the axes.
    place = list(exchanges.columns[: exchanges.columns.get_loc("replication")])
    points = exchanges[place].drop_duplicates()
    with pd.option_context("display.max_rows", None, "display.width", 120):
        print("\nMean completion [s], with its interval:")
        print(points.merge(times, on="point").to_string(index=False))
        print("\nShare of exchanges that were answered, by point and application:")
        table = points.merge(shares, on="point")
        print(table.pivot_table(index=place[1:] or place, columns="app", values="value").to_string())
    print()
    compared = check(times, summary, "completion mean", ["value", "low", "high"])
    compared += check(shares, summary, "completed", ["value"])
    if compared == 0:
        sys.exit("nothing was compared")


if __name__ == "__main__":
    main()
