"""Masks and objects one by one → files of outlines: for QuPath, as COCO, for ImageJ, as DICOM RT Structure Set."""
