"""`python -m service doctor [--json] [URL]`: what is wrong with settings and surroundings, and what to type."""

import argparse
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from service import lifecycle, protocol
from service.doctor.examination import Examination, examine_all
from service.findings import Finding, Severity


def main(argv: Sequence[str], environ: Mapping[str, str] = os.environ, command: str = "python -m service") -> int:
    """Print what was found and answer the exit status: 0 for nothing but notes, 1 for warnings, 2 for errors."""
    options = _parser(command).parse_args(argv)
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)  # what parts would log is found and said here
    reports: list[Examination] = []

    async def look() -> int:
        told = _tell if sys.stderr.isatty() else _keep_quiet
        reports.append(await examine_all(environ, options.url or "", timeout=options.timeout, told=told))
        return reports[0].status

    try:
        return lifecycle.run(look)
    finally:
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
        for report in reports:
            sys.stdout.write(as_json(report) if options.json else as_text(report))


def as_json(report: Examination) -> str:
    """One object."""
    return protocol.encode(report).decode() + "\n"


def as_text(report: Examination) -> str:
    """What was looked at, the findings, the worst first, and how many there are."""
    lines = [f"Parley {report.version}, {report.broker}", f"looked at: {', '.join(report.looked_at)}", ""]
    for finding in report.findings:
        lines += [*_paragraph(finding), ""]
    counts = [(kind, sum(finding.severity is kind for finding in report.findings)) for kind in reversed(Severity)]
    said = [f"{number} {kind}{'s' if number > 1 else ''}" for kind, number in counts if number]
    return "\n".join([*lines, ", ".join(said) or "nothing found", ""])


def _paragraph(finding: Finding) -> list[str]:
    return [
        f"{finding.severity} {finding.name}: {finding.cause}",
        f"    means: {finding.consequence}",
        f"    type:  {finding.fix}",
    ]


def _tell(title: str, number: int, count: int) -> None:
    """On the terminal's one line."""
    sys.stderr.write(f"\r\x1b[Klooking at {title} ({number} of {count})")
    sys.stderr.flush()


def _keep_quiet(title: str, number: int, count: int) -> None:
    pass


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or parts.username:
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError("expected an address as http://host or https://host:port") from None
    return f"{parts.scheme}://{parts.netloc}"


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
        if not 0.1 <= seconds <= 60:
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError("expected seconds, from 0.1 to 60") from None
    return seconds


def _parser(command: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"{command} doctor",
        description="Look at settings and surroundings: what is wrong, what follows from it, and what to type.",
        epilog="Exit status: 0 nothing is wrong, 1 something is risky, 2 something doesn't work.",
    )
    parser.add_argument("url", nargs="?", type=_url, metavar="URL", help="where people reach the service; tried too")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--timeout", type=_seconds, default=5.0, metavar="SECONDS", help="for each place (default: %(default)s)"
    )
    return parser
