"""The static model of the comparisons: distilled from all-MiniLM-L6-v2 as `embedding.proposer = "static"` does it.

python -m benchmarks.static_model FOLDER
"""

import argparse
from pathlib import Path

from persona_assets.embedding.model_folder import PACKAGED_MODEL
from persona_assets.embedding.proposer import distil_static


def distil(target: Path) -> Path:
    """Write the model, unless it is there."""
    if not (target / "modules.json").is_file():
        distil_static(PACKAGED_MODEL, target)
    return target


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    print(distil(parser.parse_args().folder))
