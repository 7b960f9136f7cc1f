"""Rows → the page. Every word that compares is made from the numbers by a rule that stands here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.growing.run import SHIPS
from benchmarks.growing.variants import ALL, TAKEN_OUT
from benchmarks.interaction.page import Mean, Values, mean_over_sets, paired
from benchmarks.interaction.protocols import BEST_OF_3, BOX, ONE_CLICK
from msformer.growing.recipe import RECIPES

COMMAND = "python -m benchmarks.growing --data ../shared/data --out OUT --markdown docs/growing.md"
SCENES_AN_UPDATE = RECIPES["full"].scenes
SEED = 0
"""Of the intervals."""
Network = Mapping[str, Any]


def page(results: Mapping[str, Any]) -> str:
    """The page ``docs/growing.md``, from what ``run`` gives."""
    networks: list[Network] = results["networks"]
    by_name = {one["name"]: one for one in networks}
    base = by_name[ALL]
    facts, made_with = results["machine"], results["versions"]
    without = [by_name[name] for name in TAKEN_OUT if name in by_name]
    chance = [one for one in networks if one["name"].startswith(f"{ALL}, seed")]
    lengths = [one for one in networks if one["name"] == ALL or one["name"].endswith("updates")]
    ships = by_name[SHIPS]
    lines = [
        "<!-- written by python -m benchmarks.growing -->",
        "",
        "# What the scenes are worth",
        "",
        f"Each network was grown for {base['updates']} updates (`msformer grow --steps {base['updates']}`, the network",
        f"that ships: {ships['updates']}), one a core, and then asked about pictures: the protocols are those of",
        f"[Clicks and boxes](interaction.md), at most {results['limit']} pictures a set of single objects, Dice, means",
        f"over sets. Intervals: 95%, bootstrap over the pictures of each set, seed {SEED}; they do not hold what",
        "another seed of growing does, which stands in a row of its own.",
        "",
        f"Made by `{COMMAND}{_groups(without)}` ({facts['processor']}, {facts['cores']} cores, {facts['system']}; "
        f"{', '.join(f'{name} {number}' for name, number in made_with.items())}).",
        "",
        "## Each group of properties taken out",
        "",
        "Fields are those of `SceneOptions` ([scenes](scenes.md)). They are taken out together, since what one of",
        "nearly sixty does is less than what chance does after so few updates. Below 0: it is worse without them.",
        "",
        "| taken out | fields | one click | against everything | best of three | one box |",
        "|---|---|---|---|---|---|",
        _row(base, base, ALL, ""),
        *(_row(one, base, one["name"], "nothing is taken out") for one in chance),
        *(_row(one, base, one["name"], ", ".join(f"`{field}`" for field in TAKEN_OUT[one["name"]])) for one in without),
        "",
        *_sentence(without, chance, base),
        *_not_taken_out(without),
        "",
        "## Which helps which kind",
        "",
        "One click, difference to everything; sets down, what is taken out across.",
        "",
        *_by_set([*chance, *without], base),
        "",
        "## More updates",
        "",
        "Each row is a recipe of its own, whose rate falls to its end; minutes are one core's.",
        "",
        "| updates | scenes | core minutes | one click | best of three | one box |",
        "|---|---|---|---|---|---|",
        *(_length(one) for one in sorted([*lengths, ships], key=lambda one: float(one["updates"]))),
    ]
    return "\n".join(lines) + "\n"


def _groups(without: Sequence[Network]) -> str:
    """The option that names the groups, where not all of them were taken out."""
    names = [one["name"] for one in without]
    if len(names) == len(TAKEN_OUT):
        return ""
    return " --groups " + " ".join(f'"{name}"' if " " in name else name for name in names)


def values_of(network: Network, protocol: str) -> Values:
    """By set, by picture."""
    found: Values = {}
    for row in network["rows"]:
        if row["protocol"] == protocol:
            found.setdefault(row["set"], {})[row["case"]] = float(row["value"])
    return found


def difference(network: Network, base: Network, protocol: str = ONE_CLICK) -> Mean:
    """Mean over sets of the difference picture by picture."""
    return mean_over_sets(paired(values_of(network, protocol), values_of(base, protocol)), SEED)


def _row(network: Network, base: Network, name: str, fields: str) -> str:
    means = [_of(network, protocol) for protocol in (ONE_CLICK, BEST_OF_3, BOX)]
    against = "" if network is base else _signed(difference(network, base))
    return f"| {name} | {fields} | {means[0]} | {against} | {means[1]} | {means[2]} |"


def _sentence(without: Sequence[Network], chance: Sequence[Network], base: Network) -> list[str]:
    """Which groups matter beyond what their intervals and another seed leave open."""
    if not without:
        return []
    usual = max((abs(difference(one, base).value) for one in chance), default=0.0)
    gaps = {one["name"]: difference(one, base) for one in without}
    worse = sorted((gap.value, name) for name, gap in gaps.items() if gap.high < 0 and -gap.value > usual)
    better = sorted((-gap.value, name) for name, gap in gaps.items() if gap.low > 0 and gap.value > usual)
    told = [
        f"Another seed moves the mean by {usual:.3f}. "
        + (f"Beyond that, and beyond its own interval, it is worse without: {_named(worse)}. " if worse else "")
        + (f"It is better without: {_named(better)}. " if better else "")
        + ("" if worse or better else "No group moves it by more than that and than its own interval leaves open.")
    ]
    return [line.strip() for line in told]


def _not_taken_out(without: Sequence[Network]) -> list[str]:
    """Which groups were not tried."""
    left = [name for name in TAKEN_OUT if name not in {one["name"] for one in without}]
    return (
        [f"Not taken out in this run, each of which takes seven minutes of a core: {', '.join(left)}."] if left else []
    )


def _named(found: Sequence[tuple[float, str]]) -> str:
    return ", ".join(f"{name} ({abs(value):.3f})" for value, name in found)


def _by_set(networks: Sequence[Network], base: Network) -> list[str]:
    whole = values_of(base, ONE_CLICK)
    lines = [
        f"| set | {ALL} | {' | '.join(one['name'].removeprefix(f'{ALL}, ') for one in networks)} |",
        "|---" * (len(networks) + 2) + "|",
    ]
    for name, cases in sorted(whole.items()):
        mean = float(np.mean(list(cases.values())))
        cells = [f"{np.mean(list(paired(values_of(one, ONE_CLICK), whole)[name].values())):+.2f}" for one in networks]
        lines.append(f"| {name} | {mean:.2f} | {' | '.join(cells)} |")
    return lines


def _length(network: Network) -> str:
    minutes = "–" if network["seconds"] is None else f"{network['seconds'] / 60:.0f}"
    means = [_of(network, protocol) for protocol in (ONE_CLICK, BEST_OF_3, BOX)]
    return f"| {network['updates']} | {SCENES_AN_UPDATE * network['updates']:,} | {minutes} | {' | '.join(means)} |"


def _of(network: Network, protocol: str) -> str:
    mean = mean_over_sets(values_of(network, protocol), SEED)
    return f"{mean.value:.3f}" + ("" if np.isnan(mean.low) else f" ({mean.low:.3f}–{mean.high:.3f})")


def _signed(mean: Mean) -> str:
    return f"{mean.value:+.3f}" + ("" if np.isnan(mean.low) else f" ({mean.low:+.3f} to {mean.high:+.3f})")
