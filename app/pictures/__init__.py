"""A result as pictures: one page as PNG, the run as a film. Drawn without a display, in any thread.

from pathlib import Path
from ldensf_app import pictures

result = ldensf_core.TwinExperiment("tsunami", ["ld-ensf", "none"]).run()
Path("run.png").write_bytes(pictures.png(result))
Path("run.mp4").write_bytes(pictures.mp4(result))
"""

from ldensf_app.pictures.film import gif, mp4
from ldensf_app.pictures.page import png

__all__ = ["gif", "mp4", "png"]
