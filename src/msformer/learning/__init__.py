"""A folder → better masks: regions and a student taught by it, by what a person corrected or by its own masks.

No ground truth in any signature, and no image is decided by what saw a mask of that image.
"""

from msformer.learning.course import Check, Course, Group, check, judge, plan_course, teachers_of, trusts_student
from msformer.learning.decide import Decision, Rule
from msformer.learning.lesson import Lesson, LessonLine, make_lesson, read_lesson, write_lesson
from msformer.learning.member import Member, read_member, teach_member, write_member
from msformer.learning.student import Lessons

__all__ = [
    "Check",
    "Course",
    "Decision",
    "Group",
    "Lesson",
    "LessonLine",
    "Lessons",
    "Member",
    "Rule",
    "check",
    "judge",
    "make_lesson",
    "plan_course",
    "read_lesson",
    "read_member",
    "teach_member",
    "teachers_of",
    "trusts_student",
    "write_lesson",
    "write_member",
]
