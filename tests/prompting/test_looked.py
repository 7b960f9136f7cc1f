"""Places in the whole picture and in the part that is looked at: a network with known answers tells them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from msformer.image import Mask
from msformer.network.prompted import Decoded, Features, PromptedNet, PromptedSizes, Prompts, build_prompted
from msformer.prompting.looked import IN_ALL, Box, Said, answer, further, look, on_picture
from msformer.prompting.view import resized


class Disc(PromptedNet):
    """Says that a disc of ``radius`` px of its view around the first click is meant, or the box; keeps what it heard.

    With ``brightest`` it says instead that what is brighter than the mean of its view is meant.
    """

    def __init__(self, radius: float = 20.0, *, brightest: bool = False) -> None:
        super().__init__(PromptedSizes(dim=8, depth_fine=1, depth_coarse=1))
        self.radius, self.brightest = radius, brightest
        self.heard: list[Prompts] = []
        self.seen: list[torch.Tensor] = []

    def encode(self, image: torch.Tensor) -> Features:
        self.seen.append(image)
        return Features(image[:, :1], image[:, 3:])

    def decode(self, features: Features, prompts: Prompts) -> Decoded:
        self.heard.append(prompts)
        height, width = features.fused.shape[2:]
        rows, columns = torch.arange(height)[:, None], torch.arange(width)
        squared = (rows - prompts.clicks[:, 0, 0, None, None]) ** 2 + (
            columns - prompts.clicks[:, 0, 1, None, None]
        ) ** 2
        disc = features.fused[:, 0] - 0.5 if self.brightest else self.radius - squared.sqrt()
        logits = torch.stack([disc - 1, disc, disc + 1], dim=1)
        return Decoded(logits, torch.tensor([[0.0, 2.0, 1.0]]).expand(len(logits), -1))

    def without_prompt(self, features: Features) -> tuple[torch.Tensor, torch.Tensor]:
        small = torch.nn.functional.avg_pool2d(features.fused, 2)[:, 0]
        return 100 * small, -100 * small


def picture(height: int, width: int) -> tuple[NDArray[np.float32], Mask]:
    """Rows grow brighter downwards, columns to the right, in two channels of three."""
    pixels = np.zeros((height, width, 3), dtype=np.float32)
    pixels[..., 0] = np.arange(height)[:, None]
    pixels[..., 1] = np.arange(width)
    return pixels, np.ones((height, width), dtype=bool)


@pytest.mark.parametrize("shape", [(128, 128), (300, 400), (33, 33), (97, 61)])
def test_a_click_on_a_pixel_s_middle_arrives_there(shape: tuple[int, int]) -> None:
    network = Disc()
    looked = look(network, *picture(*shape))
    row, column = shape[0] // 3, 2 * shape[1] // 3
    place = (row + 0.5) / shape[0], (column + 0.5) / shape[1]
    looked.ask([Said(clicks=((*place, True), (0.5, 0.5, False)))])
    clicks = network.heard[-1].clicks[0]
    # Middles of px count from the middle of the first one: row 5 of 10 is at 5.5 of 10 from the top.
    assert clicks[0].tolist() == pytest.approx(
        [place[0] * looked.shape[0] - 0.5, place[1] * looked.shape[1] - 0.5, 1.0], abs=1e-4
    )
    assert clicks[1].tolist() == [looked.shape[0] / 2 - 0.5, looked.shape[1] / 2 - 0.5, -1.0]
    if shape == (128, 128):
        assert clicks[0].tolist() == pytest.approx([row, column, 1.0], abs=1e-4)
    assert torch.isnan(network.heard[-1].box).all()
    assert torch.isnan(network.heard[-1].previous).all()


def test_a_box_arrives_in_px_of_the_view() -> None:
    network = Disc()
    looked = look(network, *picture(300, 400))
    assert looked.shape == (112, 144)
    looked.ask([Said(box=(0.25, 0.5, 0.75, 1.0)), Said()])
    assert network.heard[-1].box[0].tolist() == pytest.approx([28, 72, 84, 144])
    assert torch.isnan(network.heard[-1].box[1]).all()
    assert not network.heard[-1].clicks.any()


def test_from_nearer_the_same_place_is_the_same_place() -> None:
    network = Disc()
    whole = look(network, *picture(200, 400))
    near = whole.nearer((0.5, 0.25, 1.0, 0.5))
    assert near.window == (0.5, 0.25, 1.0, 0.5)
    assert near.shape == (128, 128)
    near.ask([Said(clicks=((0.75, 0.375, True),), box=(0.5, 0.25, 0.625, 0.5))])
    assert network.heard[-1].clicks[0, 0].tolist() == pytest.approx([63.5, 63.5, 1])
    assert network.heard[-1].box[0].tolist() == pytest.approx([0, 0, 32, 128])
    # Half the rows and a quarter of the columns, and these from 100 and from 100 on.
    pixels, valid = picture(200, 400)
    alone = Disc()
    look(alone, pixels[100:200, 100:200], valid[100:200, 100:200])
    torch.testing.assert_close(network.seen[-1], alone.seen[-1])


def test_a_window_holds_whole_pixels_and_at_least_one() -> None:
    looked = look(Disc(), *picture(100, 100)).nearer((0.101, 0.5, 0.109, 0.507))
    assert looked.window == pytest.approx((0.10, 0.50, 0.11, 0.51))


@pytest.mark.parametrize("window", [(0.0, 0.0, 1.0, 1.0), (0.25, 0.5, 0.75, 1.0), (0.0, 0.0, 0.5, 0.25)])
def test_an_answer_comes_back_to_where_it_was_asked(window: Box) -> None:
    network = Disc(radius=24)
    looked = look(network, *picture(200, 400)).nearer(window)
    place = (window[0] + window[2]) / 2, (window[1] + window[3]) / 2
    found = looked.ask([Said(clicks=((*place, True),))])[0]
    assert found.logits.shape == (3, *looked.shape)
    assert found.best == 1
    assert found.expected.tolist() == pytest.approx([0.5, 0.8808, 0.7311], abs=1e-4)
    whole = on_picture(looked, found.logits[1])
    assert whole.shape == (200, 400)
    rows, columns = np.nonzero(whole > 0)
    assert rows.mean() == pytest.approx(200 * place[0] - 0.5, abs=0.6)
    assert columns.mean() == pytest.approx(400 * place[1] - 0.5, abs=0.6)
    scale = 200 * (window[2] - window[0]) / looked.shape[0], 400 * (window[3] - window[1]) / looked.shape[1]
    assert len(rows) == pytest.approx(np.pi * 24**2 * scale[0] * scale[1], rel=0.1)
    outside = np.ones((200, 400), dtype=bool)
    outside[round(200 * window[0]) : round(200 * window[2]), round(400 * window[1]) : round(400 * window[3])] = False
    assert (whole[outside] == -20).all()


def test_many_prompts_are_answered_in_their_order() -> None:
    network = Disc(radius=6)
    looked = look(network, *picture(128, 128))
    places = [((index % 10 + 1.5) / 12, (index // 10 + 1.5) / 12) for index in range(IN_ALL + 5)]
    masks = np.zeros((len(places), 128, 128), dtype=np.float32)
    masks[:, 0, 0] = np.linspace(0, 1, len(places))
    found = looked.ask([Said(clicks=((*place, True),)) for place in places], masks)
    assert [len(one) for one in network.heard] == [IN_ALL, 5]
    for place, one in zip(places, found, strict=True):
        rows, columns = np.nonzero(one.logits[1] > 0)
        assert (rows.mean() + 0.5) / 128 == pytest.approx(place[0], abs=0.01)
        assert (columns.mean() + 0.5) / 128 == pytest.approx(place[1], abs=0.01)
    heard = torch.cat([one.previous[:, 0, 0, 0] for one in network.heard])
    np.testing.assert_allclose(heard, masks[:, 0, 0])
    assert looked.ask([]) == []


def test_a_small_thing_is_looked_at_from_nearer_and_found_where_it_is() -> None:
    pixels = np.zeros((400, 600), dtype=np.float32)
    pixels[60:84, 500:530] = 200
    network = Disc(brightest=True)
    whole = look(network, pixels, np.ones((400, 600), dtype=bool))
    answered = answer(whole, Said(clicks=(((72 / 400, 515 / 600, True),) * 2)))
    looked = answered.view
    top, left, bottom, right = looked.window
    assert (bottom - top) * 400 < 200
    assert top < 60 / 400
    assert bottom > 84 / 400
    assert left < 500 / 600
    assert right > 530 / 600
    assert not torch.isnan(network.heard[-1].previous).any(), "it is told what it said before"
    said_before = network.heard[-1].previous[0, 0] > 0.5
    found = resized(np.ascontiguousarray(answered.maps[1][looked.part]), looked.shape) > 0
    overlap = 2 * (found & said_before.numpy()).sum() / (found.sum() + said_before.sum().item())
    assert overlap > 0.8, "the mask so far lies where the thing is in the new view"
    mask = answered.maps[1] > 0
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    for found_at, true in zip((rows[0], columns[0], rows[-1], columns[-1]), (60, 500, 83, 529), strict=True):
        assert abs(int(found_at) - true) <= 2, "half a px of the first view, which has a say"
    near = network.heard[-1].clicks[0, 0]
    assert found[round(float(near[0])), round(float(near[1]))], "the click still lies on it"


def test_a_large_thing_is_answered_at_once() -> None:
    network = Disc(radius=60)
    whole = look(network, *picture(128, 128))
    assert answer(whole, Said(clicks=(((0.5, 0.5, True),) * 2))).view is whole
    assert len(network.seen) == 1


@pytest.mark.parametrize("place", [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0), (1.0, 0.5)])
@pytest.mark.parametrize(("shape", "radius"), [((48, 48), 34.0), ((120, 400), 18.0)])
def test_a_click_on_the_frame_is_answered_inside_the_picture(
    shape: tuple[int, int], radius: float, place: tuple[float, float]
) -> None:
    whole = look(Disc(radius=radius), *picture(*shape))
    answered = answer(whole, Said(clicks=(((*place, True),) * 2)))
    looked = answered.view
    assert 0 <= looked.window[0] < looked.window[2] <= 1
    assert 0 <= looked.window[1] < looked.window[3] <= 1
    is_corner = all(one in (0.0, 1.0) for one in place)
    assert (looked is whole) == (radius == 34 and not is_corner), "where it is small, it is looked at from nearer"
    mask = answered.maps[1] > 0
    assert mask.shape == shape
    assert mask[min(int(place[0] * shape[0]), shape[0] - 1), min(int(place[1] * shape[1]), shape[1] - 1)]


def test_an_answer_of_nothing_is_no_reason_to_look_again() -> None:
    whole = look(Disc(radius=-5), *picture(128, 128))
    answered = answer(whole, Said(clicks=(((0.5, 0.5, True),) * 2)))
    assert answered.view is whole
    assert not (answered.maps > 0).any()


def test_maps_without_a_prompt_have_the_view_s_shape() -> None:
    pixels = np.zeros((256, 256), dtype=np.float32)
    pixels[128:] = 1
    objects, borders = look(Disc(), pixels, np.ones((256, 256), dtype=bool)).objects()
    assert objects.shape == borders.shape == (128, 128)
    assert objects[70:].min() > 0.99
    assert objects[:58].max() < 0.01
    np.testing.assert_allclose(borders, 1 - objects, atol=1e-5)


def test_the_input_is_what_the_network_was_given() -> None:
    network = Disc()
    near = look(network, *picture(200, 200)).nearer((0.5, 0.5, 1.0, 1.0))
    torch.testing.assert_close(network.seen[-1], near.input())
    assert near.part == (slice(100, 200), slice(100, 200))


def test_a_further_click_is_answered_from_the_same_place_and_told_the_mask_so_far() -> None:
    network = Disc(radius=10)
    whole = look(network, *picture(256, 256))
    before = answer(whole, Said(clicks=(((0.5, 0.5, True),) * 2)))
    looks = len(network.seen)
    near = further(whole, before, Said(clicks=((0.5, 0.5, True), (0.52, 0.5, False)))).view
    assert near is before.view
    assert len(network.seen) == looks, "nothing is looked at again"
    told = network.heard[-1].previous[0, 0] > 0.5
    assert (
        abs(
            int(told.sum()) / int((before.maps[1] > 0).sum()) * (near.part[0].stop - near.part[0].start) ** 2 / 128**2
            - 1
        )
        < 0.1
    )
    far = further(whole, before, Said(clicks=((0.5, 0.5, True), (0.01, 0.99, False)))).view
    assert far is whole, "the click lies outside of what was looked at"
    rows, columns = np.nonzero(network.heard[-1].previous[0, 0].numpy() > 0.5)
    assert abs(rows.mean() - 63.5) < 1.5
    assert abs(columns.mean() - 63.5) < 1.5


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("shape", [(33, 33), (4000, 300)])
def test_the_network_itself_answers_pictures_of_any_kind(channels: int, shape: tuple[int, int]) -> None:
    network = build_prompted(PromptedSizes(dim=8, depth_fine=1, depth_coarse=1), torch.Generator().manual_seed(0))
    pixels = np.random.default_rng(0).uniform(0, 255, (*shape, channels)).astype(np.float32)
    whole = look(network.eval(), pixels, np.ones(shape, dtype=bool))
    for box in (None, (0.2, 0.2, 0.7, 0.9)):
        answered = answer(whole, Said(clicks=((0.4, 0.6, True),), box=box))
        mask = answered.maps[answered.best]
        assert mask.shape == shape
        assert np.isfinite(mask).all()
        sizes = [int((one > 0).sum()) for one in answered.maps]
        assert sizes == sorted(sizes), "each lies within the next"


def test_of_several_views_the_one_that_expects_clearly_more_answers() -> None:
    calls: list[float] = []

    class Sure(Disc):
        """Expects the more, the less often it was asked before: the whole picture is asked first."""

        surest = 0

        def decode(self, features: Features, prompts: Prompts) -> Decoded:
            decoded = super().decode(features, prompts)
            calls.append(1.0)
            return Decoded(decoded.logits, decoded.expected + (3.0 if len(calls) - 1 == self.surest else 0.0))

    for surest, window in ((0, (0.0, 0.0, 1.0, 1.0)), (1, (0.2, 0.2, 0.8, 0.8)), (2, (0.375, 0.375, 0.625, 0.625))):
        calls.clear()
        network = Sure(radius=45)
        network.surest = surest
        answered = answer(look(network, *picture(256, 256)), Said(clicks=((0.5, 0.5, True),)))
        assert len(calls) == 3
        assert answered.view.window == pytest.approx(window, abs=0.01)
        assert answered.expected[answered.best] == answered.expected.max()
        masks = answered.maps > 0
        assert not (masks[0] & ~masks[1]).any()
        assert not (masks[1] & ~masks[2]).any()


def test_at_equal_expectation_the_whole_picture_answers() -> None:
    whole = look(Disc(radius=45), *picture(256, 256))
    assert answer(whole, Said(clicks=((0.5, 0.5, True),))).view is whole
