# SPDX-License-Identifier: Apache-2.0
"""The report of bench/compare: a page of Markdown, the same as HTML with plots.

usage: bench/report.py DIR      makes it anew from DIR/raw.json
"""
import html
import io
import json
import pathlib
import statistics
import sys

PROFILE = "Where the processor time of {} goes, in one more run (perf, cpu-clock):"
# Of these more is better; of all others less.
MORE = {"% of unsynced", "records/s", "logins/s and core", "commits/s and core", "partitions", "connections"}
QUANTILES = (("p50 ms", "50"), ("p99 ms", "99"), ("p99.9 ms", "99.9"), ("max ms", "100"))


def median(result, peer, figure):
    values = [p[peer][figure] for p in result["pairs"] if p[peer] is not None and figure in p[peer]]
    return statistics.median(values) if values else None


def number(v):
    return f"{v:,.0f}" if abs(v) >= 1000 else f"{v:.3g}"


def spread(result, peer, figure):
    values = [p[peer][figure] for p in result["pairs"] if p[peer] is not None and figure in p[peer]]
    if not values:
        return "not reached"
    return number(values[0]) if len(values) == 1 else f"{number(min(values))} - {number(max(values))}"


def ratios(result, peers, figure):
    """Of the second peer to the first: of the medians, and the least and the greatest of the pairs."""
    a, b = peers
    each = [p[b][figure] / p[a][figure] for p in result["pairs"] if p[a] is not None and p[b] is not None and p[a].get(figure) and figure in p[b]]
    if not each:
        return None
    return median(result, b, figure) / median(result, a, figure), min(each), max(each)


def goals(result):
    return result["goal"] if isinstance(result["goal"], dict) else {result["unit"]: result["goal"]}


def figures(result, peers):
    """The names of its figures, the one with the goal first."""
    names = []
    for p in result["pairs"]:
        for peer in peers:
            names += [n for n in (p[peer] or {}) if n not in names and n != "stolen"]
    first = list(goals(result))
    return [n for n in first if n in names] + [n for n in names if n not in first]


def verdict(result, peers, figure):
    goal, value = goals(result).get(figure), median(result, peers[0], figure)
    if goal is None or value is None:
        return ""
    met = value >= goal if figure in MORE else value <= goal
    return f"{number(goal)}: met" if met else f"{number(goal)}: missed, {value / goal:.2f} times that"


def lines(result, peers):
    """A line a figure, for the terminal."""
    for name in figures(result, peers):
        r = ratios(result, peers, name)
        yield (f"{name:<24} " + "  ".join(f"{p} {spread(result, p, name):<16}" for p in peers) +
               (f"  x {r[0]:.2f} ({r[1]:.2f} - {r[2]:.2f})" if r else "") + f"  {verdict(result, peers, name)}")


def table(raw, result):
    """Rows of cells: figure, each peer, ratio, goal, times the machine's own."""
    peers = raw["peers"]
    for name in figures(result, peers):
        r = ratios(result, peers, name)
        own = raw["machine"]["floor"].get(result["floor"]) if name == result["unit"] else None
        value = median(result, peers[0], name)
        yield [name, *(spread(result, p, name) for p in peers), f"{r[0]:.2f} ({r[1]:.2f} - {r[2]:.2f})" if r else "",
               verdict(result, peers, name), f"{value / own:.2f}" if own and value else ""]


def heads(raw):
    a, b = raw["peers"]
    return ["figure", a, b, f"{b} / {a}", f"goal for {a}", "x the machine's own"]


def said_of(raw):
    m = raw["machine"]
    floor = ", ".join(f"{n} {v:g}" for n, v in m["floor"].items())
    return [
        f"{' and '.join(m['versions'])}, measured on {m['date']}.",
        f"The machine: {m['processors']}, {m['memory']}, Linux {m['kernel']}, {m['file system']}; {m['OpenSSL']}; {m['Java']}.",
        "CPU seconds are of the broker's process; \"all but client\" is what the whole machine used less the client, until all was on "
        "disk. Cells are the least and the greatest of the runs; ratios are of the medians, in brackets the least and the greatest "
        f"of the pairs. Runs took {raw['seconds']:g} s. What was written was read back and was whole, in order and with its CRC.",
        "\"client, cores\" near one means that the client was the limit. On loopback the kernel charges the receiver's work to the "
        "sender: fetch looks dearer and produce cheaper than over a network, for both alike.",
        f"What the machine itself costs for the same bytes, by one thread without a broker (bench/floor): {floor}.",
    ]


# What kinds of cases have to say of themselves.
NOTES = {
    "spread": "As fast as each goes. Each run is two, one with flush=ack (Apache Kafka: flush.messages=1) and one without.",
    "day": "At that rate where a peer can keep it, else as fast as it goes; cores are the CPU seconds a GB that it took times 2.03.",
    "logins": "Each on a connection of its own, without a ticket; the client's part runs on the same processors.",
    "commits": "As fast as it goes, one under way a group. What each group was acknowledged last was asked for and was there.",
    "restart": "From exec to the answer; then until each partition answers where it ends. All that was acknowledged was there.",
    "connections": "Resident memory of the process. What the kernel holds for a socket, 2 to 3 KiB, is not counted. Kafka's heap grows in steps.",
    "partitions": "Resident memory of the process. The fetches are of a session over partitions without records, by one connection.",
}


def note_of(result):
    words = [NOTES[result["kind"]]] if result["kind"] in NOTES else []
    if result["kind"] in ("produce", "small"):
        words.append(f"Offered: {result['rate']:,.0f} records a second to each.")
    if result["kind"] == "fetch":
        words.append(f"Offered: {result['rate']:,.0f} MB a second from each.")
    if result["dropped"]:
        words.append(f"{result['dropped']} pairs were dropped: the host took the processors away.")
    words += [f"{peer} went no further: {why}." for peer, why in result.get("ends", {}).items()]
    if result["memory MiB"]:
        words.append("Resident after it: " + ", ".join(f"{p} {m:,.0f} MiB" for p, m in result["memory MiB"].items()) + ".")
    return " ".join(words)


def markdown(raw):
    out = ["# Schloss beside Apache Kafka", "", *[x for s in said_of(raw) for x in (s, "")]]
    for r in raw["results"]:
        out += [f"## Row {r['row']}: {r['title']}", "", "| " + " | ".join(heads(raw)) + " |", "|" + " --- |" * len(heads(raw))]
        out += ["| " + " | ".join(row) + " |" for row in table(raw, r)] + ["", note_of(r), ""]
        for peer, points in r.get("series", {}).items():
            out += [f"{peer}, MiB at: " + ", ".join(f"{n:,}: {m:,.1f}" for n, m in points) + ".", ""]
        if r.get("profile"):
            out += [PROFILE.format(raw["peers"][0]), "", "| % | function | in |", "| --- | --- | --- |"]
            out += [f"| {percent:.1f} | `{function}` | {where} |" for percent, function, where in r["profile"]] + [""]
    return "\n".join(out)


# Plots


def svg(figure):
    out = io.StringIO()
    figure.savefig(out, format="svg", bbox_inches="tight")
    text = out.getvalue()
    return text[text.index("<svg"):]


def short(result):
    return f"row {result['row']}\n" + "\n".join(result["title"].split(", ")[-2:])


def plot_costs(plt, raw):
    """Medians side by side, and a line where the goal is."""
    costs = [r for r in raw["results"] if r["kind"] in ("produce", "fetch", "small", "saturate", "steady", "spread", "day", "logins", "commits")]
    if not costs:
        return ""
    figure, axes = plt.subplots(1, len(costs), figsize=(1.7 * len(costs) + 1, 3.6), squeeze=False)
    for ax, r in zip(axes[0], costs):
        for i, peer in enumerate(raw["peers"]):
            value = median(r, peer, r["unit"])
            ax.bar(i, value or 0, color=("#27608b", "#c0803a")[i], label=peer)
            ax.text(i, value or 0, f"{value:.2g}" if value else "not reached", ha="center", va="bottom", fontsize=7)
        ax.axhline(goals(r)[r["unit"]], color="black", linewidth=0.8, linestyle=":")
        ax.set_title(short(r), fontsize=7)
        ax.set_ylabel(r["unit"], fontsize=7)
        ax.tick_params(labelsize=7)
        ax.set_xticks([])
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="lower center", ncol=2, fontsize=8)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    return svg(figure)


def plot_latencies(plt, raw):
    rows = [r for r in raw["results"] if median(r, raw["peers"][0], "p99.9 ms") is not None]
    if not rows:
        return ""
    figure, axes = plt.subplots(1, len(rows), figsize=(3.4 * len(rows), 3.2), squeeze=False, sharey=True)
    for ax, r in zip(axes[0], rows):
        for i, peer in enumerate(raw["peers"]):
            points = [(name, median(r, peer, q)) for q, name in QUANTILES if median(r, peer, q)]
            ax.plot([n for n, _ in points], [v for _, v in points], marker="o", color=("#27608b", "#c0803a")[i], label=peer)
        ax.set_yscale("log")
        ax.set_title(short(r), fontsize=7)
        ax.set_xlabel("percentile", fontsize=8)
        ax.grid(True, which="both", linewidth=0.3)
    axes[0][0].set_ylabel("ms until acknowledged", fontsize=8)
    axes[0][0].legend(fontsize=7)
    return svg(figure)


def plot_memory(plt, raw):
    rows = [r for r in raw["results"] if r["memory MiB"]]
    if not rows:
        return ""
    figure, ax = plt.subplots(figsize=(7, 2.8))
    for i, peer in enumerate(raw["peers"]):
        ax.plot(range(len(rows)), [r["memory MiB"][peer] for r in rows], marker="o", color=("#27608b", "#c0803a")[i], label=peer)
    ax.set_yscale("log")
    ax.set_ylabel("MiB resident after the case", fontsize=8)
    ax.set_xticks(range(len(rows)), [r["row"] for r in rows], fontsize=7)
    ax.grid(True, which="both", linewidth=0.3)
    ax.legend(fontsize=7)
    return svg(figure)


def plot_series(plt, raw):
    """Memory over the number of what holds it."""
    rows = [r for r in raw["results"] if r.get("series")]
    if not rows:
        return ""
    figure, axes = plt.subplots(1, len(rows), figsize=(4.2 * len(rows), 3.2), squeeze=False)
    for ax, r in zip(axes[0], rows):
        for i, peer in enumerate(raw["peers"]):
            points = r["series"].get(peer, [])
            ax.plot([n for n, _ in points], [m for _, m in points], marker="o", color=("#27608b", "#c0803a")[i], label=peer)
        ax.set_yscale("log")
        ax.set_title(short(r), fontsize=7)
        ax.set_xlabel(r["kind"], fontsize=8)
        ax.grid(True, which="both", linewidth=0.3)
    axes[0][0].set_ylabel("MiB resident", fontsize=8)
    axes[0][0].legend(fontsize=7)
    figure.tight_layout()
    return svg(figure)


STYLE = """body { font: 15px/1.5 sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 0.5em 0 } td, th { padding: 0.2em 0.8em; border-bottom: 1px solid #ddd; text-align: left }
h2 { font-size: 1.1em; margin-top: 2em } svg { max-width: 100%; height: auto }"""


def page(raw):
    import matplotlib  # pylint: disable=import-outside-toplevel
    matplotlib.use("svg")
    import matplotlib.pyplot as plt  # pylint: disable=import-outside-toplevel
    e = html.escape
    out = [f"<!doctype html><html lang=en><meta charset=utf-8><title>Schloss beside Apache Kafka</title><style>{STYLE}</style>",
           "<h1>Schloss beside Apache Kafka</h1>", *[f"<p>{e(s)}</p>" for s in said_of(raw)]]
    for title, plot in (("What the broker's process costs; the dotted line is the goal for Schloss", plot_costs),
                        ("Latency", plot_latencies), ("Memory over connections and partitions", plot_series),
                        ("Memory after each case", plot_memory)):
        drawn = plot(plt, raw)
        if drawn:
            out += [f"<h2>{e(title)}</h2>", drawn]
    for r in raw["results"]:
        out += [f"<h2>Row {e(r['row'])}: {e(r['title'])}</h2><table><tr>", *[f"<th>{e(h)}</th>" for h in heads(raw)], "</tr>"]
        out += ["<tr>" + "".join(f"<td>{e(c)}</td>" for c in row) + "</tr>" for row in table(raw, r)]
        out += [f"</table><p>{e(note_of(r))}</p>"]
        if r.get("profile"):
            out += [f"<details><summary>{e(PROFILE.format(raw['peers'][0]))}</summary><table>"]
            out += [f"<tr><td>{p:.1f} %</td><td><code>{e(f)}</code></td><td>{e(w)}</td></tr>" for p, f, w in r["profile"]] + ["</table></details>"]
    return "\n".join(out) + "\n</html>\n"


def write(raw, where):
    (where / "report.md").write_text(markdown(raw))
    (where / "report.html").write_text(page(raw))


if __name__ == "__main__":
    directory = pathlib.Path(sys.argv[1])
    write(json.loads((directory / "raw.json").read_text()), directory)
