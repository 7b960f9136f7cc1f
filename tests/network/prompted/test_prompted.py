"""The prompted network: its blocks are the paper's, its answers nest and depend on nothing that lies beside them."""

from __future__ import annotations

import pytest
import torch

from msformer.network.blocks import TransformerBlock
from msformer.network.prompted import (
    ALTERNATIVES,
    IN_CHANNELS,
    Decoded,
    PromptedNet,
    PromptedSizes,
    Prompts,
    build_prompted,
)
from msformer.network.prompted.blocks import BatchedBlock, on_grid, tokens_of
from msformer.network.prompted.prompts import FAR, PROMPT_CHANNELS, prompt_maps

ENCODERS = ("dual-branch", "unet")
TINY = {name: PromptedSizes(name, 16, 1, 1) for name in ENCODERS}  # type: ignore[arg-type]
NAN = float("nan")


@pytest.fixture(scope="module", params=ENCODERS)
def network(request: pytest.FixtureRequest) -> PromptedNet:
    return build_prompted(TINY[request.param], torch.Generator().manual_seed(3)).eval()


def pictures(count: int, height: int = 64, width: int = 64, seed: int = 0) -> torch.Tensor:
    image = torch.randn(count, IN_CHANNELS, height, width, generator=torch.Generator().manual_seed(seed))
    image[:, 3] = 1.0
    return image


def prompts(
    clicks: list[list[tuple[float, float, float]]],
    boxes: list[tuple[float, float, float, float]] | None = None,
    shape: tuple[int, int] = (64, 64),
) -> Prompts:
    count = len(clicks)
    return Prompts(
        torch.tensor(clicks, dtype=torch.float32).view(count, -1, 3),
        torch.full((count, 4), NAN) if boxes is None else torch.tensor(boxes),
        torch.full((count, 1, *shape), NAN),
    )


def ask(network: PromptedNet, image: torch.Tensor, said: Prompts) -> Decoded:
    with torch.inference_mode():
        return network.decode(network.encode(image), said)


@pytest.mark.parametrize(("dim", "grid"), [(7, (5, 3)), (13, (11, 7)), (23, (2, 17))])
def test_a_batched_block_computes_what_the_paper_s_block_computes(dim: int, grid: tuple[int, int]) -> None:
    torch.manual_seed(dim)
    block, batched = TransformerBlock(dim), BatchedBlock(dim)
    shapes = {name: value.shape for name, value in block.state_dict().items()}
    assert shapes == {name: value.shape for name, value in batched.state_dict().items()}
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    batched.load_state_dict(block.state_dict())
    tokens = torch.randn(grid[0] * grid[1], dim)
    with torch.no_grad():
        expected, expected_context = block(tokens, grid)
        found, context = batched(tokens[None], grid)
    assert expected.std() > 0.1
    torch.testing.assert_close(found[0], expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(context[0], expected_context, atol=1e-5, rtol=1e-5)


def test_each_picture_of_a_batch_has_a_context_of_its_own() -> None:
    block = BatchedBlock(11)
    tokens = torch.randn(3, 35, 11, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        together, contexts = block(tokens, (5, 7))
        for index in range(3):
            alone, context = block(tokens[index : index + 1], (5, 7))
            torch.testing.assert_close(together[index : index + 1], alone, atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(contexts[index : index + 1], context, atol=1e-5, rtol=1e-5)


def test_tokens_and_maps_hold_the_same_in_another_order() -> None:
    maps = torch.arange(2 * 3 * 5 * 7.0).view(2, 3, 5, 7)
    tokens = tokens_of(maps)
    assert tokens.shape == (2, 35, 3)
    assert torch.equal(tokens[1, 2 * 7 + 4], maps[1, :, 2, 4])
    assert torch.equal(on_grid(tokens.contiguous(), (5, 7)), maps)


@pytest.mark.parametrize("shape", [(64, 64), (96, 160), (160, 48)])
def test_answers_have_the_picture_s_size_and_nest(network: PromptedNet, shape: tuple[int, int]) -> None:
    image = pictures(2, *shape)
    said = prompts([[(20, 30, 1), (0, 0, 0)], [(40, 5, 1), (10, 40, -1)]], shape=shape)
    decoded = ask(network, image, said)
    assert decoded.logits.shape == (2, ALTERNATIVES, *shape)
    assert decoded.expected.shape == (2, ALTERNATIVES)
    steps = decoded.logits.diff(dim=1)
    assert (steps > 0).all(), "each alternative holds the one before"
    masks = decoded.logits > decoded.logits.median()
    assert masks.any()
    assert not (masks[:, :-1] & ~masks[:, 1:]).any()


def test_without_a_prompt_there_are_maps_of_half_the_size(network: PromptedNet) -> None:
    with torch.inference_mode():
        objects, borders = network.without_prompt(network.encode(pictures(3, 96, 160)))
    assert objects.shape == borders.shape == (3, 48, 80)
    assert not torch.equal(objects, borders)


def test_an_answer_does_not_depend_on_what_else_is_in_the_batch(network: PromptedNet) -> None:
    image = pictures(4)
    image[3] *= 30
    said = prompts(
        [[(9, 50, 1)], [(30, 30, 1)], [(0, 0, 0)], [(63, 63, -1)]],
        [(NAN,) * 4, (10.0, 12.0, 40.0, 50.0), (3.0, 3.0, 60.0, 60.0), (NAN,) * 4],
    )
    said.previous[1] = torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(1))
    together = ask(network, image, said)
    for index in range(4):
        one = torch.tensor([index])
        alone = ask(network, image[one], said.of(one))
        torch.testing.assert_close(together.logits[one], alone.logits, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(together.expected[one], alone.expected, atol=1e-4, rtol=1e-4)
    assert (together.logits[0] - together.logits[1]).abs().max() > 1e-2, "the pictures differ, and so do answers"


def test_prompts_of_one_picture_share_its_features(network: PromptedNet) -> None:
    image, said = pictures(2), prompts([[(9, 50, 1)], [(30, 30, 1)], [(9, 50, 1)]])
    with torch.inference_mode():
        features = network.encode(image).of(torch.tensor([0, 0, 1]))
        decoded = network.decode(features, said)
    again = ask(network, image[torch.tensor([0, 0, 1])], said)
    torch.testing.assert_close(decoded.logits, again.logits, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("place", [(r, c) for r in (0, 47, 95) for c in (0, 80, 159)])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_click_at_every_edge_and_corner_is_heard(network: PromptedNet, place: tuple[int, int], sign: float) -> None:
    shape = (96, 160)
    image = pictures(1, *shape)
    silent = ask(network, image, prompts([[(0, 0, 0)]], shape=shape))
    heard = ask(network, image, prompts([[(*place, sign)]], shape=shape))
    assert torch.isfinite(heard.logits).all()
    assert torch.isfinite(heard.expected).all()
    assert (heard.logits - silent.logits).abs().max() > 1e-4


@pytest.mark.parametrize(
    "box",
    [
        (0.0, 0.0, 1.0, 1.0), (0.0, 159.0, 1.0, 160.0), (95.0, 0.0, 96.0, 1.0), (95.0, 159.0, 96.0, 160.0),
        (0.0, 0.0, 96.0, 160.0), (0.0, 0.0, 96.0, 1.0), (0.0, 0.0, 1.0, 160.0), (40.0, 70.0, 40.0, 70.0),
    ],
)  # fmt: skip
def test_a_box_at_every_edge_and_corner_is_heard(network: PromptedNet, box: tuple[float, float, float, float]) -> None:
    shape = (96, 160)
    image = pictures(1, *shape)
    silent = ask(network, image, prompts([[(0, 0, 0)]], shape=shape))
    heard = ask(network, image, prompts([[(0, 0, 0)]], [box], shape=shape))
    assert torch.isfinite(heard.logits).all()
    assert torch.isfinite(heard.expected).all()
    assert (heard.logits - silent.logits).abs().max() > 1e-4


def test_the_order_of_clicks_and_empty_ones_do_not_matter(network: PromptedNet) -> None:
    image = pictures(1)
    first = ask(network, image, prompts([[(9, 50, 1), (30, 30, -1)]]))
    other = ask(network, image, prompts([[(0, 0, 0), (30, 30, -1), (9, 50, 1), (0, 0, 0)]]))
    torch.testing.assert_close(first.logits, other.logits, atol=1e-5, rtol=1e-5)


def test_maps_of_prompts_say_where(network: PromptedNet) -> None:
    said = prompts([[(9.5, 21.5, 1), (61.5, 1.5, -1)], [(0, 0, 0), (0, 0, 0)]], [(NAN,) * 4, (8.0, 16.0, 24.0, 40.0)])
    said.previous[1] = 1.0
    drawn, of_it, not_of_it = prompt_maps(said, (16, 16))
    assert drawn.shape == (2, PROMPT_CHANNELS, 16, 16)
    # A place of 4 px has its middle at 4 k + 1.5: the clicks lie exactly on those of (2, 5) and (15, 0).
    assert divmod(int(drawn[0, 0].argmax()), 16) == (2, 5)
    assert drawn[0, 0, 2, 5] == 1
    assert drawn[0, 0, 2, 6] == pytest.approx(float(torch.tensor(-16 / 18).exp()))
    assert drawn[0, 1, 2, 7] == pytest.approx(8 / FAR)
    assert divmod(int(drawn[0, 2].argmax()), 16) == (15, 0)
    assert divmod(int(of_it[0].argmax()), 16) == (2, 5)
    assert divmod(int(not_of_it[0].argmax()), 16) == (15, 0)
    assert of_it[0].sum() == pytest.approx(1, abs=1e-5)
    assert not drawn[0, 4:].any(), "no box and no mask"
    # The box covers rows 2 to 5 and columns 4 to 9 of places.
    inside = torch.zeros(16, 16, dtype=torch.bool)
    inside[2:6, 4:10] = True
    assert torch.equal(drawn[1, 4] > 0, inside)
    assert (drawn[1, 4, 3:5, 5:9] == 1).all()
    assert (drawn[1, 4, :, 11:] == -1).all()
    row, column = divmod(int(drawn[1, 5].argmax()), 16)
    assert row in (3, 4)
    assert column in (6, 7)
    assert not drawn[1, [0, 2]].any()
    assert (drawn[1, [1, 3]] == 1).all(), "no click is as far as can be"
    assert (drawn[1, 6:] == 1).all(), "a mask of all, and that there is one"
    nothing = prompt_maps(prompts([[(0, 0, 0)]]), (16, 16))
    assert not nothing[1].any()
    assert not nothing[2].any()


def test_the_network_that_ships_has_less_than_two_million_parameters() -> None:
    network = build_prompted(PromptedSizes(), torch.Generator().manual_seed(0))
    assert 2e5 < sum(one.numel() for one in network.parameters()) < 2e6


@pytest.mark.parametrize("encoder", ENCODERS)
def test_parameters_come_from_the_generator_alone(encoder: str) -> None:
    def built(seed: int) -> torch.Tensor:
        network = build_prompted(TINY[encoder], torch.Generator().manual_seed(seed))
        return torch.cat([one.detach().flatten() for one in network.parameters()])

    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    first = built(5)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(1)
    assert torch.equal(built(5), first)
    assert not torch.equal(built(6), first)


def test_it_tells_its_sizes() -> None:
    sizes = PromptedSizes("unet", 16, 1, 1)
    told = build_prompted(sizes, torch.Generator().manual_seed(0)).describe()
    assert PromptedSizes(**told) == sizes  # type: ignore[arg-type]
