"""Where the lessons of a folder lie, with what a person gave: read one by one, by whichever process needs them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from msformer.batch.learn.corrections import read_correction
from msformer.batch.learn.jobs import Job, Places
from msformer.errors import ReadError
from msformer.image import Mask
from msformer.learning import Lesson, LessonLine, read_lesson


@dataclass(frozen=True)
class Shelf:
    """The lessons of a folder.

    Attributes:
        places: Of its files.
        given: What a person gave, by case.
    """

    places: Places
    given: Mapping[str, Path]

    def corrected(self, job: Job) -> Mapping[str, Mask]:
        """What a person gave of a job, by the part's name."""
        path = self.given.get(job.case.case_id)
        return {} if path is None else read_correction(job, path)

    def lessons(self, job: Job) -> Iterator[Lesson]:
        """The lessons of a job with what a person gave.

        Raises:
            ReadError: One is not there, or cannot be used.
        """
        given = self.corrected(job)
        for part in job.parts:
            lesson = replace(read_lesson(self.places.lesson(part), job.key), name=part.name)
            yield lesson.with_correction(given.get(part.name))

    def lines(self, job: Job) -> list[LessonLine] | None:
        """A line on each lesson of a job; None where one is not there, or cannot be used."""
        try:
            return [LessonLine.of(lesson) for lesson in self.lessons(job)]
        except ReadError:
            return None

    def named(self, jobs: Iterable[Job], names: Collection[str]) -> Iterator[Lesson]:
        """The lessons of some names, one by one."""
        for job in jobs:
            if any(part.name in names for part in job.parts):
                yield from (lesson for lesson in self.lessons(job) if lesson.name in names)
