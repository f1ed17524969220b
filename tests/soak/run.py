"""`make soak`: one worker and one projector under a steady load for hours; does anything grow?

Exit codes: 0 flat, 1 something grows or has failed, 2 too short to tell. Ctrl-C ends it early, and judges
what there is.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from leadstream.devstack.termination import ends_on_signal
from tests.soak.flow import Flow
from tests.soak.plot import write_plot
from tests.soak.series import Samples, told
from tests.soak.stand import standing

PROGRESS_SECONDS = 30.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--hours", type=float, default=1.0, help="how long (0.1 is six minutes)")
    parser.add_argument("--rate", type=int, default=500, help="signals a second")
    parser.add_argument("--leads", type=int, default=2000, help="how many leads they are of")
    parser.add_argument("--every", type=float, default=5.0, help="seconds from sample to sample")
    parser.add_argument("--out", type=Path, default=Path("build/soak"), help="folder of table, CSV and plot")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    samples = Samples(given.out / "samples.csv")
    with ends_on_signal(), tempfile.TemporaryDirectory(prefix="leadstream-soak-") as folder:
        try:
            soak(Path(folder), samples, given.hours * 3600, given.rate, given.leads, given.every)
        except KeyboardInterrupt:
            print("Ended early.", file=sys.stderr)
        finally:
            keep_logs(Path(folder), given.out)
    return ending(samples, given.out)


def soak(folder: Path, samples: Samples, seconds: float, rate: int, leads: int, every: float) -> None:
    """Runs everything and takes samples; Ctrl-C ends it with what there is."""
    with standing(folder) as stand:
        names = stand.names
        with Flow(stand.kafka.address.bootstrap, names.signals, names.scores, leads, rate) as flow:
            begin = shown = time.monotonic()
            while (now := time.monotonic()) < begin + seconds:
                time.sleep(min(every, max(0.0, begin + seconds - now)))
                row = stand.sample(flow)
                samples.add(time.monotonic() - begin, row)
                if time.monotonic() - shown > PROGRESS_SECONDS:
                    shown = time.monotonic()
                    print(
                        f"{(shown - begin) / 60:.1f} of {seconds / 60:.1f} min: {flow.sent:,} signals; "
                        f"worker {row['worker_rss']:.0f} MB, projector {row['projector_rss']:.0f} MB, "
                        f"latency {row['latency_p50']:.0f} ms (longest {row['latency_max']:.0f}), "
                        f"lag {row['worker_lag']:.0f}",
                        file=sys.stderr,
                        flush=True,
                    )


def keep_logs(folder: Path, out: Path) -> None:
    """Copies what the roles have said: their folder goes."""
    for log in folder.glob("*.log"):
        (out / log.name).write_bytes(log.read_bytes())


def ending(samples: Samples, out: Path) -> int:
    """Writes table and plot, prints the table; returns the exit code."""
    if not samples.times:
        print("no samples", file=sys.stderr)
        return 2
    verdicts = samples.verdicts()
    lines = told(samples, verdicts)
    (out / "table.md").write_text("\n".join(lines) + "\n")
    write_plot(out / "soak.png", samples, verdicts)
    print("\n".join(lines))
    outcomes = {one.outcome for one in verdicts.values()}
    grown = [name for name, one in verdicts.items() if one.outcome == "grows"]
    minutes = samples.times[-1] / 60
    text = f"{minutes:.1f} min: " + (
        f"GROWS: {', '.join(grown)}" if grown else "too short to tell" if "too short" in outcomes else "flat"
    )
    print(f"\n{text}; {out / 'samples.csv'}, {out / 'soak.png'}")
    return 1 if grown else 2 if "too short" in outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
