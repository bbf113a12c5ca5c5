"""Makes the certificates of this folder anew, with `python tests/vectors/certificates/make.py`.

Keys and serial numbers are drawn anew each time, so the bytes are others; what each file is, and
which steps fail, stays. It needs the openssl command.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE.parents[1]), str(_HERE.parents[2])]

from builders.certificate_pdfs import office  # noqa: E402
from builders.forged_certificates import forgeries, genuine  # noqa: E402

from node.core.verify import FAILED  # noqa: E402
from node.core.verify_certificate import verify_certificate  # noqa: E402


def main() -> None:
    """Write every file, the trust file, and the index with the end of every step."""
    logging.disable(logging.WARNING)  # pyHanko: that it may fetch nothing
    listed = []
    with tempfile.TemporaryDirectory() as folder:
        made = office(Path(folder))
        for old in _HERE.glob("*.pdf"):
            old.unlink()
        for forged in [*genuine(made), *forgeries(made, Path(folder))]:
            report = verify_certificate(forged.pdf, made.trust)
            ends = {step.label: step.status for step in report.all_steps}
            fails = [
                step.id for step in report.all_steps if step.status == FAILED and not step.part
            ]
            if tuple(fails) != forged.fails:
                raise SystemExit(f"{forged.name}: {fails} failed, and not {forged.fails}")
            (_HERE / f"{forged.name}.pdf").write_bytes(forged.pdf)
            listed.append({"name": forged.name, "what": forged.what, "fails": fails, "ends": ends})
        (_HERE / "trust.json").write_bytes(made.trust)
    text = json.dumps(listed, ensure_ascii=False, indent=1)
    (_HERE / "index.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
