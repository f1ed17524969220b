"""The plot of a soak: a panel for each measure, with the slope that it was judged by."""

from pathlib import Path

from matplotlib.figure import Figure

from tests.soak.series import LOGS, MEASURES, Samples
from tests.soak.verdict import WARM_UP, Verdict

COLUMNS = 3


def write_plot(path: Path, samples: Samples, verdicts: dict[str, Verdict]) -> None:
    """Writes a PNG or SVG, by the name's end; times are in minutes."""
    units = {measure.name: measure.unit for measure in MEASURES} | LOGS
    rows = -(-len(units) // COLUMNS)
    figure = Figure(figsize=(15, 2.4 * rows), layout="constrained")
    panels = figure.subplots(rows, COLUMNS, squeeze=False).flat
    minutes = [time / 60 for time in samples.times]
    judged_from = minutes[0] + WARM_UP * (minutes[-1] - minutes[0])
    for panel, (name, unit) in zip(panels, units.items(), strict=False):
        verdict = verdicts.get(name)
        grows = verdict is not None and verdict.outcome == "grows"
        panel.plot(minutes, samples.values[name], linewidth=0.8, color="tab:red" if grows else "tab:blue")
        if verdict is not None:
            middle = [verdict.level - verdict.growth / 2, verdict.level + verdict.growth / 2]
            panel.plot([judged_from, minutes[-1]], middle, color="black", linewidth=1.2)
        panel.set_title(f"{name}{f' ({unit})' if unit else ''}{': grows' if grows else ''}", fontsize=9)
        panel.set_ylim(0, 1.1 * max(*samples.values[name], 1.0))
        panel.tick_params(labelsize=8)
    for panel in list(figure.axes)[len(units) :]:
        panel.remove()
    figure.supxlabel("minutes", fontsize=9)
    figure.savefig(path)
