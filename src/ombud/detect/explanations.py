"""Innocent explanations of a network, each held against its rows."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.special import bdtrc

from ombud.detect.crowds import SCALES, slack
from ombud.detect.fdr import harmonic
from ombud.detect.timing import timing
from ombud.detect.wording import counted, span
from ombud.model.findings import Explanation

if TYPE_CHECKING:
    from ombud.detect.acts import Context

__all__ = ["explanations", "without"]

Ints = NDArray[np.int64]
Applies = Literal["yes", "partly", "no", "unknown"]

_SURE = 0.01
_MUCH = 24 * 4
"""posts from which somebody who sleeps would leave an hour of the day out"""
_HOST = re.compile(r"^(?:[a-z][a-z0-9+.-]*://)?([a-z0-9-]+(?:\.[a-z0-9-]+)+)(?:[/:?#]|$)", re.IGNORECASE)
_LETTERS = re.compile(r"[^\W\d_]+")


def explanations(context: Context) -> list[Explanation]:
    """Return every innocent explanation that was considered and what became of it."""
    return [
        _shared_tool(context),
        _news_burst(context),
        _fan_community(context),
        _same_organisation(context),
        _automation(context),
        _same_hours(context),
        _quotation(context),
    ]


def _graded(share: float) -> Applies:
    """Return yes from one half, partly from one tenth."""
    return "yes" if share >= 0.5 else "partly" if share >= 0.1 else "no"  # noqa: PLR2004 - said in the docstring


def without(context: Context, gone: NDArray[np.bool_]) -> tuple[bool, str]:
    """Say whether the finding holds without the episodes that `gone` marks, and what its q would be."""
    inc = context.incidence
    keep = ~gone
    rows = keep[inc.episode]
    width = inc.width[keep]
    if not keep.any():
        return False, "Nothing would be left without them."
    part = replace(
        inc,
        account=inc.account[rows],
        time=inc.time[rows],
        row=inc.row[rows],
        starts=np.concatenate([[0], np.cumsum(width)]).astype(np.int64),
        object=inc.object[keep],
    )
    group = np.full(len(context.posts.accounts), -1, dtype=np.int64)
    group[context.network.members] = 0
    search = context.search
    p = timing(part, group, search.ordinary, search.crowds[context.network.trace], by_member=False).p[0].min()
    # as strict as the first rejection of the whole run: all groups, traces, scales
    q = float(p) * len(SCALES) * len(search.incidences) * search.tested * harmonic(max(search.tested, 1))
    q = min(1.0, q + context.network.q_link)
    if q <= search.fdr:
        return True, f"Without them the finding still holds (q = {q:.2g})."
    return False, f"Without them it would not be significant by itself (q = {q:.2g})."


def _weighed(share: float, *, holds: bool) -> Applies:
    """Return the grade of a share; what a finding cannot do without applies in part at least, however little it is."""
    graded = _graded(share)
    return graded if holds or graded == "yes" else "partly"


def _shared_tool(context: Context) -> Explanation:
    """Look for posts on whole minutes, and for one gap that comes back."""
    main, inc = context.main, context.incidence
    code = "shared-tool"
    if (slack(inc)[inc.episode[main.i[main.close]]] > 0).mean() > 0.5:  # noqa: PLR2004 - most of them
        sentence = "The source gives times to the minute only, so a scheduling tool's rhythm cannot be told."
        return Explanation(code, sentence, "unknown")
    rows = np.unique(np.concatenate([main.i[main.close], main.j[main.close]]))
    whole = int((inc.time[rows] % 60 == 0).sum())
    share = whole / len(rows)
    above = float(bdtrc(whole - 1, len(rows), 1 / 60)) if whole else 1.0
    gaps = main.gap[main.close]
    modal, times = Counter(gaps[gaps > 0].tolist()).most_common(1)[0] if (gaps > 0).any() else (0, 0)
    constant = times / len(gaps)
    applies = _graded(max(share if above < _SURE else 0.0, constant if times > 2 else 0.0))  # noqa: PLR2004 - twice is chance
    sentence = (
        f"{share:.0%} of the posts fall on a whole minute (chance: 2%), and {constant:.0%} of the gaps are the same "
        f"{modal} s: how a shared scheduling tool would look."
    )
    return Explanation(code, sentence, applies)


def _news_burst(context: Context) -> Explanation:
    """Look for ordinary outsiders who share the same things at the same time."""
    main, inc = context.main, context.incidence
    ordinary = context.search.ordinary
    touched = np.unique(inc.episode[main.i[main.close]])
    gone = np.zeros(len(inc.object), dtype=bool)
    inside = context.inside
    for e in touched.tolist():
        lo, hi = inc.starts[e], inc.starts[e + 1]
        account, time = inc.account[lo:hi], inc.time[lo:hi]
        mine, others = time[inside[account]], np.sort(time[ordinary[account]])
        near = np.searchsorted(others, mine + main.scale, "right") > np.searchsorted(others, mine - main.scale)
        gone[e] = bool(near.any())
    share = float(gone[touched].mean())
    many = int(gone[touched].sum())
    sentence = (
        f"Of {counted(len(touched), 'thing')} that members shared together, ordinary accounts shared "
        f"{f'{many:,}' if many else 'none'} within {span(main.scale)} of them, as they would when news breaks."
    )
    if not many:
        return Explanation("news-burst", sentence, "no")
    holds, left = without(context, gone)
    return Explanation("news-burst", f"{sentence} {left}", _weighed(share, holds=holds))


def _fan_community(context: Context) -> Explanation:
    """Look for one site that most of the links lead to."""
    code, main, inc = "fan-community", context.main, context.incidence
    labels = context.posts.traces[main.trace].labels
    touched = np.unique(inc.episode[main.i[main.close]])
    hosts = [_HOST.match(str(labels[o].as_py())) for o in inc.object[touched].tolist()]
    known = [h[1].lower() if h else "" for h in hosts]
    if main.trace != "link" or not any(known):
        sentence = (
            "Whose posts these are is not in the data, so followers of one source cannot be told by name; "
            "that followers of a fast source are fast is part of the test."
        )
        return Explanation(code, sentence, "unknown")
    host, times = Counter(k for k in known if k).most_common(1)[0]
    share = times / len(known)
    usual = float(pc.starts_with(labels, host + "/").to_numpy(zero_copy_only=False).mean())
    if usual > share / 2:
        sentence = f"The links lead to {host}, as {usual:.0%} of all links here do: whose they are is hidden."
        return Explanation(code, sentence, "unknown")
    sentence = f"{share:.0%} of the links lead to {host}, as they would among its followers."
    gone = np.zeros(len(inc.object), dtype=bool)
    gone[touched] = np.array(known) == host
    holds, left = without(context, gone)
    return Explanation(code, f"{sentence} {left}", _weighed(share, holds=holds))


def _same_organisation(context: Context) -> Explanation:
    """Look for a beginning or an end that the accounts' names share."""
    names = [context.names[int(m)] for m in context.network.members]
    plain = [n.casefold() for n in names if _LETTERS.search(n)]
    code = "same-organisation"
    best, many = "", 0
    for backwards in (False, True):
        ordered = sorted(n[::-1] for n in plain) if backwards else sorted(plain)
        for x, y in itertools.pairwise(ordered):
            part = "".join(c for c, _ in itertools.takewhile(lambda two: two[0] == two[1], zip(x, y, strict=False)))
            shared = sum(w.startswith(part) for w in ordered)
            if len("".join(_LETTERS.findall(part))) >= 4 and shared > many:  # noqa: PLR2004 - shorter ones are common
                best, many = part[::-1] if backwards else part, shared
    if not plain or all(re.fullmatch(r"(?:fb|tw)?_?\d+", n) for n in plain):
        return Explanation(code, "The accounts' names are numbers here, so a common owner cannot be told.", "unknown")
    if many == 0:
        return Explanation(code, "The accounts' names have no beginning or end in common.", "no")
    share = many / len(names)
    sentence = (
        f"{many} of {counted(len(names), 'name')} share `{best}`: "
        "accounts of one organisation may post together openly."
    )
    return Explanation(code, sentence, _graded(share))


def _automation(context: Context) -> Explanation:
    """Look for members that post in every hour of the day."""
    posts = context.posts
    own = context.inside[posts.account]
    cells = np.unique(np.stack([posts.account[own], posts.time[own] // 3_600 % 24]), axis=1)
    hours = np.bincount(cells[0], minlength=len(posts.accounts))[context.network.members]
    acts = np.bincount(posts.account[own], minlength=len(posts.accounts))[context.network.members]
    enough = acts >= _MUCH
    if not enough.any():
        return Explanation("automation", "The members post too little to tell whether they ever sleep.", "unknown")
    awake, much = int((hours[enough] == 24).sum()), int(enough.sum())  # noqa: PLR2004 - hours of a day
    sentence = (
        f"{awake or 'None'} of the {counted(much, 'member')} who posted {_MUCH} times or more did so in every hour of "
        "the day, as automation would."
    )
    return Explanation("automation", sentence, _graded(awake / much))


def _same_hours(context: Context) -> Explanation:
    """Say what the members' common hours explain; the test has counted it."""
    network = context.network
    share = network.expected / max(network.episodes, 1)
    sentence = (
        f"Of the pairs of posts that share a thing, {network.close / max(network.episodes, 1):.0%} lie within "
        f"{span(network.scale)} (average over the {counted(round(network.episodes), 'thing')} that most members "
        f"shared); common hours, news and interest together would make it {share:.0%}. The test has allowed for it."
    )
    return Explanation("time-zone", sentence, "no")


def _quotation(context: Context) -> Explanation:
    """Look for short texts among those that the members have in common."""
    code = "quotation"
    acts = next((a for a in context.acts if a.trace == "text"), None)
    if acts is None:
        return Explanation(code, "No common text is part of the evidence.", "no")
    inc = context.search.incidences["text"]
    objects = np.unique(inc.object[inc.episode[acts.i[acts.close]]])
    words = [len(str(context.posts.traces["text"].labels[o].as_py()).split()) for o in objects.tolist()]
    share = float(np.mean(np.array(words) <= 6))  # noqa: PLR2004 - a saying is hardly longer
    sentence = f"{share:.0%} of the {len(words):,} common texts have six words or fewer, as sayings and headlines do."
    return Explanation(code, sentence, _graded(share))
