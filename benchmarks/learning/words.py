"""What the page says that no run changes: how learning works, and what it does not do."""

from __future__ import annotations

from msformer.batch.learn.jobs import POINTED
from msformer.learning.course import CLEARLY, FOLDS, LEAST, LEAST_CHECKED, LEAST_CONFIDENT
from msformer.learning.decide import ALIKE, ALONE, TAUGHT
from msformer.learning.student import BAND, TOLERANCE, Lessons

HOW_IT_WORKS = f"""
## How it works

`msformer learn IMAGES -o OUT` segments every image by itself, then lets the folder teach. Nothing is downloaded, and
no label is needed; a person who corrects some masks helps most.

- **Who teaches whom.** With masks in `OUT/corrections/NAME.png`, at any number, these alone teach, and all other
  images are decided. Without any, a folder of at least {LEAST} images with a mask, {LEAST_CONFIDENT} of them at a
  confidence of a half or more, is parted in {FOLDS}, and each part is decided by what the rest taught (cross-fitting):
  no image is decided by what saw a mask of it. Equal images lie in one part. Smaller folders keep their masks.
- **Two things are taught.** *Taught regions*: a forest from what is seen of each nested region of an image to its Dice
  with the mask. *The student*: the network of the method from random weights, {Lessons().updates} updates, whose map
  says where the object is; the method's two terms, agreement between scales and stability within one, stay in its loss.
- **Corrections are taken as they are**, all of them alike. Own masks, where they teach, are taught as *trimaps*, a
  band of {BAND:.1%} of the side on either side of their border left out, by a *loss that tolerates* wrong masks
  (generalised cross-entropy, q = {TOLERANCE}), and by their confidence.
- **What was pointed at** (`--prompts`, `--point`, `--box`) is weak truth: the image keeps what it was answered, and
  where own masks teach, that one teaches at a confidence of {POINTED:g} or more.
- **The rule.** Of each image's regions the one is taken that the forest expects most of, plus {TAUGHT.student:g} times
  its agreement with the student's map (without corrections {ALONE.student:g} times, and it must be ahead by
  {ALONE.margin:g}). Where that is the own mask in another outline (Dice {ALIKE} or more), the own mask stays.
  A student that sees its object nowhere in an image has no say there. From {LEAST_CHECKED} corrections on, halves of
  them teach while the other half is tried: where own masks or taught regions alone are better by more than
  {CLEARLY:g} standard errors they are used, and, where several objects are meant, the student's outline instead of own
  masks. With fewer, nothing is checked.
- **Both masks are kept**: `OUT/masks-alone` has each image's own, `OUT/masks` what was decided, and the report says
  what changed, why, and which images are worth a correction. A corrected mask is never changed.
- **Again and elsewhere.** `msformer learn --again OUT` learns from new corrections without segmenting anew;
  `msformer segment NEW -o OUT2 --model OUT/model` decides on other images of the kind.

**Limits.** Where several objects are meant, regions are no
candidates. A folder that is wrong throughout teaches what is wrong; without corrections that is not noticed.

**Privacy.** Everything stays in OUT. The model holds numbers and digests of its teachers, no pixel; but a network may
remember more of them than that, so treat `OUT/model` as you treat the images.
"""
