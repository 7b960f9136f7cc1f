"""What the benchmarks share: which preset belongs to which set, their options, one core a process."""

from __future__ import annotations

import argparse
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from msformer.processes import limit_threads

PRESET_OF_SET = {
    "dermoscopy_ph2": "dermoscopy",
    "dermoscopy_ham10000": "dermoscopy",
    "dermoscopy_isic2017": "dermoscopy",
    "lung_ct_lungsegdb": "lung-ct",
    "lung_ct_konya": "lung-ct",
    "lung_ct_kaggle64": "lung-ct",
    "chest_xray_covid": "chest-xray",
    "chest_xray_montgomery": "chest-xray",
    "breast_ultrasound_busi": "ultrasound",
    "breast_ultrasound_benign": "ultrasound",
    "breast_ultrasound_malignant": "ultrasound",
    "breast_ultrasound_busbra": "ultrasound",
    "nuclei_dsb2018": "nuclei",
    "nuclei_dsb2018_more": "nuclei",
    "plasma_cells_segpc": "stained-tissue",
}
"""Sets of the kinds that have a preset; all others are for ``general``."""


def sets_parser(doc: str | None) -> argparse.ArgumentParser:
    """The options of a benchmark over sets of images, which prints its table or writes it as a page."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of <set>/{images,masks}")
    parser.add_argument("--sets", nargs="+", default=list(PRESET_OF_SET))
    parser.add_argument("--markdown", type=Path)
    return parser


def one_core_each() -> ProcessPoolExecutor:
    """As many processes as there are cores, each kept to one."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(os.cpu_count(), mp_context=context, initializer=limit_threads, initargs=(1,))
